"""CHECKLIST 64: whatever the schema allows, and what it does not, sent to every operation never breaks the API, and is
answered as the schema says.

SCHEMA_EXAMPLES says how many requests each operation gets.
"""

import json
import os
from urllib.parse import quote

import jsonschema_rs
import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode

from tests.test_access import World

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "5"))


SCHEMA = SchemaGenerator().get_schema(public=True)


def operations():
    schema = schemathesis.openapi.from_dict(SCHEMA)
    return [found.ok() for found in schema.get_all_operations()]


def sent(api, case, values):
    """One request: real ids where the product has them, all the rest as it was made up."""
    path = case.operation.path
    for name, made_up in (case.path_parameters or {}).items():
        path = path.replace(f"{{{name}}}", quote(str(values.get(name, made_up)), safe=""))
    query = "&".join(f"{quote(str(name))}={quote(str(value))}" for name, value in (case.query or {}).items())
    body = case.body
    try:
        data = b"" if type(body).__name__ == "NotSet" else json.dumps(body, default=str).encode()
    except (TypeError, ValueError):
        data = repr(body).encode()
    headers = {
        str(name): str(value)
        for name, value in (case.headers or {}).items()
        if str(value).isascii() and str(value).isprintable() and str(name).lower() not in ("content-length", "cookie")
    }
    headers.pop("Authorization", None)
    return api.generic(
        case.method, path + (f"?{query}" if query else ""), data, content_type="application/json", headers=headers
    )


def assert_told(operation, answer):
    """The schema knows this status, and a body of this shape."""
    asked = f"{operation.method.upper()} {operation.path}: {answer.status_code}"
    told = SCHEMA["paths"][operation.path][operation.method]["responses"].get(str(answer.status_code))
    assert told, f"{asked} is not in the schema"
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if media_type.endswith("json") and media_type in told.get("content", {}):
        shape = {**told["content"][media_type]["schema"], "components": SCHEMA["components"]}
        wrong = next(jsonschema_rs.validator_for(shape).iter_errors(answer.json()), None)
        assert wrong is None, f"{asked}: {wrong}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "operation", [pytest.param(each, id=f"{each.method.upper()} {each.path}") for each in operations()]
)
def test_no_request_breaks_an_operation(operation, people, redis):
    world = World(people.workspace, people.alice)
    api = people.api("alice")
    api.raise_request_exception = False
    values = {name: str(value) for name, value in world.values.items()}
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    strategies = operation.as_strategy(generation_mode=modes[0])
    for mode in modes:
        try:
            strategies = strategies | operation.as_strategy(generation_mode=mode)
        except Exception:
            continue

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategies)
    def ask(case):
        answer = sent(api, case, values)
        refusal = answer.json() if answer.status_code > 500 else {}  # a tracker that is away is said with 503
        assert answer.status_code < 500 or "category" in refusal, f"{case.method} {answer.request['PATH_INFO']}"
        assert_told(operation, answer)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["request_id"]

    ask()

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


NAMES = """
    assessments_cancel assessments_comparisons_list assessments_create assessments_delete assessments_list
    assessments_ranking assessments_resume assessments_retrieve assessments_start assets_create assets_list
    enhancements_create enhancements_list enhancements_retrieve enhancements_retry enhancements_suggestions_decide
    knowledge_create knowledge_list library_imports_create library_imports_list library_imports_retrieve
    processing_status_retrieve resolved_tickets_create resolved_tickets_list
    sessions_create sessions_delete sessions_estimate sessions_export sessions_export_cancel sessions_export_dry_run
    sessions_export_file sessions_export_pause sessions_export_records_list sessions_export_records_resolve
    sessions_export_records_retry sessions_export_report sessions_export_resume sessions_export_status
    sessions_files_create sessions_files_delete sessions_files_list sessions_files_mapping sessions_files_preview
    sessions_files_retrieve sessions_graph sessions_list sessions_process sessions_process_cancel
    sessions_process_errors_list sessions_process_pause sessions_process_resume sessions_process_retry
    sessions_process_status sessions_retrieve sessions_tickets_bulk sessions_tickets_bulk_undo
    sessions_tickets_comments_create sessions_tickets_comments_list sessions_tickets_list
    sessions_tickets_proposals_accept sessions_tickets_proposals_discard sessions_tickets_proposals_list
    sessions_tickets_proposals_retrieve sessions_tickets_proposals_revise sessions_tickets_regenerate
    sessions_tickets_retrieve sessions_tickets_revisions_list sessions_tickets_update sessions_update
    sessions_validate sessions_validate_cancel sessions_validate_problems_list sessions_validate_status
    workspaces_connections_check workspaces_connections_create workspaces_connections_delete
    workspaces_connections_list workspaces_connections_retrieve workspaces_connections_update workspaces_list
"""


def each_operation():
    return [
        (method, path, operation)
        for path, methods in SCHEMA["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]


def test_operations_keep_their_names():
    """Programs are generated from them."""
    assert sorted(operation["operationId"] for _, _, operation in each_operation()) == NAMES.split()


def test_every_operation_says_what_it_does_and_how_it_refuses():
    for method, path, operation in each_operation():
        refusals = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}

        assert operation["summary"], (method, path)
        assert {"400", "401"} <= set(refusals), (method, path)
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in refusals.values())


def test_every_post_takes_a_key():
    for method, path, operation in each_operation():
        takes_one = any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", []))
        assert takes_one == (method == "post"), (method, path)


def test_every_list_has_pages_and_a_filter():
    for method, path, operation in each_operation():
        if method == "get" and operation["operationId"].endswith("_list"):
            named = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
            assert {"page", "page_size"} <= named, path
            assert named > {"page", "page_size"} or path.endswith("/revisions"), path
            assert "Paginated" in str(operation["responses"]["200"]), path


def test_a_shape_tells_what_may_be_nothing_and_what_may_be_missing():
    run, essay = (SCHEMA["components"]["schemas"][name] for name in ("RunStatus", "Essay"))

    assert run["properties"]["remaining_seconds"]["type"] == ["number", "null"]
    assert set(run["required"]) == set(run["properties"])
    assert (essay["required"], set(essay["properties"])) == (["essay_id"], {"essay_id", "text_content"})


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

"""What other systems send: the job, checked field by field. Knows no Django."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sessions_app.parsing.text import storable

LONGEST_DESCRIPTION: Final = 100_000
MOST_ERRORS: Final = 20


class InvalidJob(ValueError):
    """The payload is no job. ``errors`` is a list of {field, message}."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{each['field']}: {each['message']}" for each in errors))


def _cleaned(value: Any) -> Any:
    return storable(value).strip() if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is out of reach") from None


Short = Annotated[str, BeforeValidator(_cleaned), Field(min_length=1, max_length=120)]
Optional = Annotated[str, BeforeValidator(_cleaned)]
Moment = Annotated[datetime, AfterValidator(_in_utc)]


class EnhancementJob(BaseModel):
    """One ticket to enhance. ``tenant_id`` is the workspace's slug; ``timestamp`` is when the ticket was as it says.

    ``job_id`` names the job: a second delivery of it starts nothing. Without one it is made of the ticket and its text,
    so that the same text of a ticket is one job. What is not named here is ignored.
    """

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    ticket_id: Short
    description: Annotated[str, BeforeValidator(_cleaned), Field(min_length=1, max_length=LONGEST_DESCRIPTION)]
    priority: Annotated[str, BeforeValidator(_cleaned), Field(min_length=1, max_length=60)]
    tenant_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
    timestamp: Moment
    job_id: Annotated[Optional, Field(max_length=120)] = ""
    title: Annotated[Optional, Field(max_length=300)] = ""
    url: Annotated[Optional, Field(max_length=500, pattern=r"^(https?://[^\s<>\"]+)?$")] = ""
    trace_id: Annotated[Optional, Field(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")] = ""

    @property
    def text_hash(self) -> str:
        """Names the ticket's text: the same one is not written about twice."""
        return hashlib.sha256(json.dumps([self.ticket_id, self.title, self.description]).encode()).hexdigest()

    @property
    def key(self) -> str:
        """The job's id within its workspace."""
        return self.job_id or f"text-{self.text_hash[:32]}"


def job_of(data: Any) -> EnhancementJob:
    """A job from a dict or a JSON string (requirement B-003). Raises InvalidJob."""
    if isinstance(data, str | bytes):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            raise InvalidJob([{"field": "payload", "message": "This is not JSON."}]) from None
    if not isinstance(data, Mapping):
        raise InvalidJob([{"field": "payload", "message": "This has to be an object."}])
    try:
        return EnhancementJob.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidJob(_errors(error)) from None
    except ValueError:  # a number with more digits than can be a text
        raise InvalidJob([{"field": "payload", "message": "This cannot be used."}]) from None


def _errors(error: ValidationError) -> list[dict[str, str]]:
    """Without the values: they are a stranger's."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"field": ".".join(map(str, each["loc"])) or "payload", "message": _in_words(each["type"])}
        for each in found[:MOST_ERRORS]
    ]


def _in_words(kind: str) -> str:
    if kind.endswith("too_long"):
        return "This is too long."
    return _WORDS.get(kind, "This is a time that cannot be read." if "date" in kind else "This cannot be used.")


_WORDS: Final = {
    "missing": "This is missing.",
    "string_too_short": "This is empty.",
    "too_short": "This is empty.",
    "string_type": "This has to be a text.",
    "string_pattern_mismatch": "This has characters that are not allowed here.",
}


def raw_field(data: Any, name: str) -> str:
    """A short text of a payload that may be anything; "" if it has none (requirement B-050)."""
    if isinstance(data, str | bytes):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            return ""
    value = data.get(name) if isinstance(data, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    try:
        return storable(str(value)).strip()[:120]
    except ValueError:  # a number with more digits than can be a text
        return ""

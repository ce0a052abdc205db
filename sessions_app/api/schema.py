"""How the API describes itself (OpenAPI 3.1): what every operation has in common is said here, once.

Views say what they take and what they answer; from that follow here the names of operations, the groups that they are
shown in, the pages of lists, ``Idempotency-Key``, and which refusals may come.
"""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from typing import Any, Final, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from django.urls import Resolver404, resolve
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc, resolve_type_hint
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from sessions_app import limits

from .idempotency import HEADER, IdempotentView
from .pagination import Pages
from .problems import PROBLEM_JSON

GROUPS: Final = {
    "process": "runs",
    "processing": "runs",
    "estimate": "runs",
    "graph": "tickets",
    "validate": "validation",
    "workspaces": "connections",
    "resolved-tickets": "library",
    "knowledge": "library",
    "assets": "library",
}
"""Groups of operations that are not called as their address is."""

REFUSALS: Final = {
    400: "Something in it is not valid; `errors` names the fields.",
    401: "No token, or one that has expired or was revoked.",
    403: "Your role in this workspace does not allow that.",
    404: "It is not there, or it belongs to a workspace that you are not in.",
    409: "Not in its present state. With the code `request_in_progress` the same request is being worked on: wait and"
    " send it again.",
    412: "It was changed since it was read; `etag` names what is there now.",
    413: "Larger than is accepted.",
    415: "The body is of a type that is not taken here.",
    422: "Understood, but it cannot be done with this.",
    429: "Too often within an hour. `Retry-After` says in how many seconds it may be tried again.",
    503: "A model, a tracker or the queue does not answer now; try again later.",
    507: "The disk of the server is full.",
}
"""What a refusal means, by its status."""

_READING: Final = ("GET", "HEAD", "OPTIONS")
_WITH_BODY: Final = ("POST", "PUT", "PATCH")
_COSTS: Final = ("runs", "questions")


class Problem(serializers.Serializer[Any]):
    """Any error (RFC 9457). ``code`` is for programs, ``detail`` for people; ``request_id`` stands in our log."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    category = serializers.CharField(
        required=False, help_text="Who can mend it: user_fixable (you), admin_required, temporary (time)."
    )
    recovery_actions = serializers.ListField(child=serializers.CharField(), required=False)
    errors = serializers.JSONField(  # type: ignore[assignment]
        required=False, help_text="By field, where fields are not valid."
    )


class Shape:
    """A TypedDict as an answer: what mypy checks in the code is what the schema tells. ``paged``: a list of them."""

    def __init__(self, of: type, name: str, *, paged: bool = False) -> None:
        self.of, self.name, self.paged = of, name, paged


class ShapeExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A Shape and the TypedDicts in it, each as a schema with a name."""

    target_class = Shape

    def get_name(self, auto_schema: AutoSchema, direction: Any) -> str:
        return f"Paginated{self.target.name}List" if self.target.paged else str(self.target.name)

    def get_identity(self, auto_schema: AutoSchema, direction: Any) -> Any:
        return (self.target.of, self.target.paged)

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        shape = self.target
        if shape.paged:
            item = _ref(auto_schema, Shape(shape.of, shape.name), direction)
            pages: dict[str, Any] = Pages().get_paginated_response_schema({"type": "array", "items": item})
            return pages
        hints = get_type_hints(shape.of, include_extras=True)
        return {
            "type": "object",
            "description": get_doc(shape.of),
            "properties": {name: _schema_of(hint, auto_schema, direction) for name, hint in hints.items()},
            "required": [name for name, hint in hints.items() if get_origin(hint) is not NotRequired],
        }


def _schema_of(hint: Any, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
    if is_typeddict(hint):
        return _ref(auto_schema, Shape(hint, hint.__name__.removesuffix("Value")), direction)
    if get_origin(hint) is NotRequired:
        return _schema_of(get_args(hint)[0], auto_schema, direction)
    if type(None) in get_args(hint):
        (present,) = set(get_args(hint)) - {type(None)}
        known = _schema_of(present, auto_schema, direction)
        return {**known, "type": [known["type"], "null"]}
    if get_origin(hint) is list:
        return {"type": "array", "items": _schema_of(get_args(hint)[0], auto_schema, direction)}
    found: dict[str, Any] = resolve_type_hint(hint)  # type: ignore[no-untyped-call]
    return found


def _ref(auto_schema: AutoSchema, shape: Any, direction: Any) -> dict[str, Any]:
    found: dict[str, Any] = auto_schema.resolve_serializer(shape, direction).ref
    return found


class ApiSchema(AutoSchema):
    """Describes one operation."""

    method_mapping = {"get": "retrieve", "post": "create", "put": "update", "patch": "update", "delete": "delete"}

    # Names

    def get_operation_id(self) -> str:
        """The words of the address, and what is done to it where that is not plain: sessions_process_retry,
        sessions_files_list, sessions_files_delete.
        """
        name: str = super().get_operation_id()
        is_only_one = len(set(self.view.allowed_methods) - {"OPTIONS", "HEAD"}) == 1
        if not is_only_one or self.path.endswith("}") or self._is_list_view():
            return name
        return name.rpartition("_")[0]

    def get_summary(self) -> str:
        """The first sentence of the description."""
        first = re.split(r"(?<=[.;:])\s", " ".join(self.get_description().split()), maxsplit=1)[0]
        return first.rstrip(".;:").replace("`", "")[:120]

    def get_tags(self) -> list[str]:
        words = self._tokenize_path()
        word = words[1] if words[0] == "sessions" and len(words) > 1 else words[0]
        return [GROUPS.get(word, word)]

    # What goes in

    def _is_list_view(self, serializer: Any = None) -> bool:
        if serializer is None and isinstance(self._main_answer(), Shape):
            return bool(self._main_answer().paged)
        is_list: bool = super()._is_list_view(serializer)
        return is_list

    def _main_answer(self) -> Any:
        answers = self.get_response_serializers()
        return next(iter(answers.values()), None) if isinstance(answers, dict) else answers

    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_parameters()
        if self._takes_keys():
            parameters.append(
                {
                    "in": "header",
                    "name": HEADER,
                    "schema": {"type": "string", "maxLength": 200},
                    "description": "A name of your own for this request. Sent again with it within a day, it is"
                    " answered as before (`Idempotent-Replayed: true`) and nothing is done twice.",
                }
            )
        return parameters

    def _takes_keys(self) -> bool:
        return self.method == "POST" and isinstance(self.view, IdempotentView)

    # What comes out

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        body = {PROBLEM_JSON: {"schema": self.resolve_serializer(Problem, direction).ref}}
        for status in sorted(self._refusals() | {int(code) for code in answers if int(code) >= 400}):
            answers[str(status)] = {"description": REFUSALS[status], "content": body}
            if status == 429:
                seconds = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
                answers[str(status)]["headers"] = {"Retry-After": seconds}
        return dict(sorted(answers.items()))

    def _refusals(self) -> set[int]:
        """Statuses of refusals that this operation may answer with; a view names further ones itself."""
        found = {400, 401}
        if "{" in self.path or self._is_list_view():
            found.add(404)
        if self.method not in _READING:
            found |= {403, 409}
        if self.method in _WITH_BODY:
            found |= {413, 415}
        if self._takes_keys():
            found.add(422)
        if any(
            isinstance(each, OpenApiParameter) and each.name == "If-Match" for each in self.get_override_parameters()
        ):
            found.add(412)
        if self.method == "POST" and (counted := limits.COUNTED.get(_address_name(self.path))):
            found |= {429, 503} if counted in _COSTS else {429}
        return found


def _address_name(path: str) -> str:
    """``api-runs:process`` of the path of an operation; "" if it cannot be told."""
    with suppress(Resolver404):
        return resolve(re.sub(r"{\w+}", str(uuid.UUID(int=0)), path)).view_name
    return ""

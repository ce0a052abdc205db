"""``/api/sessions/{id}/validate…``: are the tickets what a tracker takes, and what is wrong with them?"""

from __future__ import annotations

import uuid
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from processing.validation.readiness import problems_of_ticket, with_problems
from processing.validation.service import ReviewService
from sessions_app.api.access import SessionView
from sessions_app.api.pagination import Pages

STATES: Final = ("valid", "invalid", "stale", "missing")


class ProblemSerializer(serializers.Serializer[Any]):
    """One thing that is wrong. ``pointer`` is the place in the ADF; ``line`` and ``section`` those in the Markdown."""

    kind = serializers.CharField()
    pointer = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    section = serializers.CharField(allow_blank=True)
    blocking = serializers.BooleanField()


class TicketProblemsSerializer(serializers.Serializer[Any]):
    """A ticket that cannot leave as it is, or that needs a word."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    key = serializers.CharField()
    title = serializers.CharField()
    url = serializers.CharField()
    status = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField()
    problems = ProblemSerializer(many=True)


class ValidationView(SessionView):
    """Base of the endpoints of validation."""

    needs_role = "review"
    service = ReviewService()


class Validate(ValidationView):
    """Look at all tickets that may leave; answers at once. Doing so twice returns the validation under way."""

    @extend_schema(request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(self.service.validate_session(self.session, by=request.user), status=202)


class ValidateStatus(ValidationView):
    """Where the latest validation stands, and how many tickets are valid, invalid, stale or were never looked at."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(self.service.get_validation_status(self.session))


class ValidateCancel(ValidationView):
    """Stop the validation under way. What was looked at stays."""

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        self.service.cancel_validation(self.session)
        return Response(self.service.get_validation_status(self.session))


class ValidateProblems(ValidationView):
    """Tickets that cannot leave as they are, or that need a word, in working order."""

    @extend_schema(
        parameters=[OpenApiParameter("state", str, enum=STATES)], responses=TicketProblemsSerializer(many=True)
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        state = request.query_params.get("state", "")
        if state and state not in STATES:
            raise serializers.ValidationError({"state": f"One of {', '.join(STATES)}."})
        paginator = Pages()
        page = paginator.paginate_queryset(with_problems(self.session, state), request, view=self) or []
        rows = [problems_of_ticket(ticket) for ticket in page]
        return paginator.get_paginated_response(TicketProblemsSerializer(rows, many=True).data)

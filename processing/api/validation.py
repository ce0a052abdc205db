"""``/api/sessions/{id}/validate…``: are the tickets what a tracker takes, and what is wrong with them?"""

from __future__ import annotations

import uuid
from typing import Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from processing.validation.readiness import TicketProblems, problems_of_ticket, with_problems
from processing.validation.service import ReviewService, ValidationStart
from processing.validation.service import ValidationStatus as StatusValue
from sessions_app.api.access import SessionView
from sessions_app.api.pagination import PagedView
from sessions_app.api.schema import Shape

STATES: Final = ("valid", "invalid", "stale", "missing")


STATUS = Shape(StatusValue, "ValidationStatus")


class ValidationView(SessionView):
    """Base of the endpoints of validation."""

    needs_role = "review"
    service = ReviewService()


class Validate(ValidationView):
    """Look at all tickets that may leave; answers at once. Doing so twice returns the validation under way."""

    @extend_schema(request=None, responses={202: Shape(ValidationStart, "ValidationStarted")})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(self.service.validate_session(self.session, by=request.user), status=202)


class ValidateStatus(ValidationView):
    """Where the latest validation stands, and how many tickets are valid, invalid, stale or were never looked at."""

    @extend_schema(responses={200: STATUS})
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(self.service.get_validation_status(self.session))


class ValidateCancel(ValidationView):
    """Stop the validation under way. What was looked at stays."""

    @extend_schema(request=None, responses={200: STATUS})
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        self.service.cancel_validation(self.session)
        return Response(self.service.get_validation_status(self.session))


class ValidateProblems(PagedView, ValidationView):
    """Tickets that cannot leave as they are, or that need a word, in working order."""

    @extend_schema(
        parameters=[OpenApiParameter("state", str, enum=STATES)],
        responses=Shape(TicketProblems, "TicketProblems", paged=True),
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        state = request.query_params.get("state", "")
        if state and state not in STATES:
            raise serializers.ValidationError({"state": f"One of {', '.join(STATES)}."})
        found = with_problems(self.session, state)
        return self.paged(request, found, lambda page: [problems_of_ticket(ticket) for ticket in page])

"""``/api/sessions/{id}/tickets``."""

from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.actions import review
from sessions_app.filters import FILTERS, filtered_tickets
from sessions_app.models import Ticket, TicketComment, TicketDependency

from .access import SessionView
from .etags import require_match, tagged
from .pagination import Pages
from .serializers import (
    BulkResultSerializer,
    BulkSerializer,
    CommentSerializer,
    RevisionSerializer,
    TicketRowSerializer,
    TicketSerializer,
)

_VERBS = {"approved": "approve", "rejected": "reject", "draft": "reopen"}
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag that was read; it takes the place of `version`."
)


class TicketList(SessionView):
    """Tickets in working order. Filters: q (text), group, type, status, source_state, marked (1: only those with
    marks of the fact check).
    """

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in FILTERS], responses=TicketRowSerializer(many=True)
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        tickets = filtered_tickets(self.session, request.query_params)
        paginator = Pages()
        page = paginator.paginate_queryset(tickets, request, view=self) or []
        return paginator.get_paginated_response(TicketRowSerializer(page, many=True).data)


class TicketDetail(SessionView):
    """One ticket: read it whole, edit its text. Its ETag names what was read: as If-None-Match it saves a body, as
    If-Match it guards a change (412 if somebody else was faster).
    """

    needs_role = "review"

    @extend_schema(responses=TicketSerializer)
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        return tagged(request, TicketSerializer(self._ticket(ticket_id)).data)

    @extend_schema(request=TicketSerializer, responses=TicketSerializer, parameters=[IF_MATCH])
    def patch(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        ticket = self._ticket(ticket_id)
        is_of_now = require_match(request, TicketSerializer(ticket).data)
        serializer = TicketSerializer(ticket, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        texts = dict(serializer.validated_data)
        seen, status, reason = texts.pop("version", None), texts.pop("status", ""), texts.pop("rejection_reason", "")
        seen = ticket.version if seen is None and is_of_now else seen
        if (texts or status) and seen is None:
            raise ValidationError({"version": ["Send the version of the text that you read, or its ETag as If-Match."]})
        if texts and status:
            raise ValidationError({"status": ["Change the text first, then judge the new version."]})
        if texts:
            ticket.edit(editor=request.user, seen_version=seen, **texts)
        elif status:
            review.judge(ticket, _VERBS[status], by=request.user, seen_version=seen, reason=reason)
        return tagged(request, TicketSerializer(self._ticket(ticket_id)).data)

    def _ticket(self, ticket_id: uuid.UUID) -> Ticket:
        return get_object_or_404(self.session.tickets.prefetch_related("needs__to_ticket"), pk=ticket_id)


class Bulk(SessionView):
    """Approve, reject or reopen many tickets: those in ``tickets``, or all that match ``filters``."""

    needs_role = "review"

    @extend_schema(request=BulkSerializer, responses=BulkResultSerializer)
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        wanted = BulkSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data
        tickets = review.chosen(self.session, asked.get("tickets", ()), asked.get("filters"))
        result = review.bulk(self.session, tickets, asked["action"], by=request.user, reason=asked["reason"])
        return Response(BulkResultSerializer(result).data)


class BulkUndo(SessionView):
    """Put back what an action on many changed, where nobody has done anything since."""

    needs_role = "review"

    @extend_schema(request=None, responses=BulkResultSerializer)
    def post(self, request: Request, session_id: uuid.UUID, change_id: uuid.UUID) -> Response:
        change = get_object_or_404(self.session.bulk_changes, pk=change_id)
        return Response(BulkResultSerializer(review.undo(change, by=request.user)).data)


class Comments(TicketDetail):
    """What was said about a ticket, oldest first. ``kind`` change_request asks for changes."""

    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(responses=CommentSerializer(many=True))
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        return Response(CommentSerializer(self._ticket(ticket_id).comments.all(), many=True).data)

    @extend_schema(request=CommentSerializer, responses={201: CommentSerializer})
    def post(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        said = CommentSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        is_request = said.validated_data.get("kind") == TicketComment.Kind.CHANGE_REQUEST
        made = review.comment(
            self._ticket(ticket_id), said.validated_data["text"], by=request.user, is_request=is_request
        )
        return Response(CommentSerializer(made).data, status=201)


class TicketRevisions(TicketDetail):
    """All versions of a ticket's text, newest first."""

    http_method_names = ["get", "head", "options"]

    @extend_schema(responses=RevisionSerializer(many=True))
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        return Response(RevisionSerializer(self._ticket(ticket_id).revisions.all(), many=True).data)


class Graph(SessionView):
    """The dependency graph: tickets as nodes, what needs what as edges."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        backlog = self.session.tickets.in_backlog()
        nodes = backlog.values("id", "key", "number", "title", "entity_group", "csv_type", "position", "status")
        kept = TicketDependency.objects.filter(from_ticket__in=backlog, to_ticket__in=backlog)
        edges = kept.order_by("from_ticket__position", "to_ticket__position").values(
            "from_ticket_id", "to_ticket_id", "kind", "source", "state", "rule"
        )
        return Response({"nodes": list(nodes), "edges": list(edges)})

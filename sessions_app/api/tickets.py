"""``/api/sessions/{id}/tickets``."""

from __future__ import annotations

import uuid
from typing import TypedDict

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.actions import review
from sessions_app.filters import filtered_tickets
from sessions_app.models import Ticket, TicketComment, TicketDependency
from sessions_app.parsing.csv_types import CSV_TYPES, GROUP_ORDER

from .access import SessionView
from .etags import require_match, tagged
from .pagination import PagedView
from .schema import Shape
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
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="An ETag; 304 without a body if it is still so."
)
ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, description="Names this text.", response=[200, 304])
COMMENT_KIND = OpenApiParameter("kind", str, enum=TicketComment.Kind.values)


class TicketList(PagedView, SessionView):
    """Tickets in working order: first those that nothing stands before. A filter that fits nothing finds nothing."""

    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words of title, key or text; or a short key as T-12."),
            OpenApiParameter("group", str, enum=list(GROUP_ORDER)),
            OpenApiParameter("type", str, enum=list(CSV_TYPES)),
            OpenApiParameter("status", str, enum=Ticket.Status.values),
            OpenApiParameter("source_state", str, enum=Ticket.SourceState.values),
            OpenApiParameter("marked", str, description="1: only those with words that their cells do not bear out."),
        ],
        responses=TicketRowSerializer(many=True),
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        tickets = filtered_tickets(self.session, request.query_params)
        return self.paged(request, tickets, lambda page: TicketRowSerializer(page, many=True).data)


class TicketDetail(SessionView):
    """One ticket."""

    needs_role = "review"

    @extend_schema(responses={200: TicketSerializer, 304: None}, parameters=[IF_NONE_MATCH, ETAG])
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        """A whole ticket. Its ETag names what was read: as If-None-Match it saves the body (304), as If-Match it guards
        a change.
        """
        return tagged(request, TicketSerializer(self._ticket(ticket_id)).data)

    @extend_schema(request=TicketSerializer, responses=TicketSerializer, parameters=[IF_MATCH, ETAG])
    def patch(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        """Edit the text, which makes the next version, or judge it by its status (approved, rejected, draft). Say what
        you read: `If-Match` (412 if somebody else was faster) or `version` (then 409).
        """
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


class Comments(PagedView, TicketDetail):
    """What was said about a ticket."""

    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(responses=CommentSerializer(many=True), parameters=[COMMENT_KIND])
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        """What was said about a ticket, oldest first."""
        said = self._ticket(ticket_id).comments.order_by("created_at", "pk")
        if kind := request.query_params.get("kind"):
            said = said.filter(kind=kind)
        return self.paged(request, said, lambda page: CommentSerializer(page, many=True).data)

    @extend_schema(request=CommentSerializer, responses={201: CommentSerializer})
    def post(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        """Say something. ``kind`` change_request asks for changes."""
        said = CommentSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        is_request = said.validated_data.get("kind") == TicketComment.Kind.CHANGE_REQUEST
        made = review.comment(
            self._ticket(ticket_id), said.validated_data["text"], by=request.user, is_request=is_request
        )
        return Response(CommentSerializer(made).data, status=201)


class TicketRevisions(PagedView, TicketDetail):
    """All versions of a ticket's text, newest first."""

    http_method_names = ["get", "head", "options"]

    @extend_schema(responses=RevisionSerializer(many=True))
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        revisions = self._ticket(ticket_id).revisions.all()
        return self.paged(request, revisions, lambda page: RevisionSerializer(page, many=True).data)


class GraphNode(TypedDict):
    """A ticket. ``position``: its place in working order."""

    id: uuid.UUID
    key: str
    number: int
    title: str
    entity_group: str
    csv_type: str
    position: int
    status: str


class GraphEdge(TypedDict):
    """``from_ticket_id`` needs ``to_ticket_id``."""

    from_ticket_id: uuid.UUID
    to_ticket_id: uuid.UUID
    kind: str
    source: str
    state: str
    rule: str


class GraphValue(TypedDict):
    """What has to be done before what."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]


class Graph(SessionView):
    """The dependency graph: tickets as nodes, what needs what as edges."""

    @extend_schema(responses=Shape(GraphValue, "Graph"))
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        backlog = self.session.tickets.in_backlog()
        nodes = backlog.values("id", "key", "number", "title", "entity_group", "csv_type", "position", "status")
        kept = TicketDependency.objects.filter(from_ticket__in=backlog, to_ticket__in=backlog)
        edges = kept.order_by("from_ticket__position", "to_ticket__position").values(
            "from_ticket_id", "to_ticket_id", "kind", "source", "state", "rule"
        )
        return Response({"nodes": list(nodes), "edges": list(edges)})

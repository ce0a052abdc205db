"""``/api/sessions/{id}/tickets/{tid}/regenerate`` and what comes of it: texts that wait beside the present one."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from processing import rewriting
from processing.models import TicketProposal
from processing.models.proposals import LONGEST_INSTRUCTION
from sessions_app.api.access import SessionView
from sessions_app.api.pagination import PagedView
from sessions_app.api.serializers import TicketSerializer
from sessions_app.models import Ticket
from sessions_app.models.tickets import TEXT_FIELDS


class ProposalSerializer(serializers.ModelSerializer[TicketProposal]):
    """Another text for a ticket. ``content`` has the sections that were written, once ``status`` is ready."""

    class Meta:
        model = TicketProposal
        fields = [
            "id",
            "status",
            "instruction",
            "sections",
            "base_version",
            "revises",
            "content",
            "fact_marks",
            "provider",
            "llm_model",
            "prompt_version",
            "fallback_reason",
            "cost",
            "error_code",
            "error_message",
            "asked_by_name",
            "created_at",
            "written_at",
            "decided_at",
        ]
        read_only_fields = fields


@extend_schema_serializer(component_name="Rewriting")
class WishSerializer(serializers.Serializer[Any]):
    """What is asked for. Without ``sections`` the whole ticket is written again."""

    instruction = serializers.CharField(max_length=LONGEST_INSTRUCTION, allow_blank=True, default="")
    sections = serializers.ListField(
        child=serializers.ChoiceField(choices=TEXT_FIELDS), default=list, max_length=len(TEXT_FIELDS)
    )


@extend_schema_serializer(component_name="Acceptance")
class AcceptSerializer(serializers.Serializer[Any]):
    """``version`` is that of the ticket's text that was read; without ``sections`` all that were written are taken."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    sections = serializers.ListField(
        child=serializers.ChoiceField(choices=TEXT_FIELDS), default=list, max_length=len(TEXT_FIELDS)
    )


class ProposalView(SessionView):
    """Base of the endpoints of one ticket's proposals."""

    def ticket(self) -> Ticket:
        return get_object_or_404(self.session.tickets.select_related("session"), pk=self.kwargs["ticket_id"])

    def proposal(self) -> TicketProposal:
        mine = self.ticket().proposals.select_related("ticket__session")
        return get_object_or_404(mine, pk=self.kwargs["proposal_id"])


class Regenerate(ProposalView):
    """Ask for another text of a ticket or of some of its sections; the present one stays until one is accepted."""

    @extend_schema(request=WishSerializer, responses={202: ProposalSerializer})
    def post(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        wish = WishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = rewriting.propose(self.ticket(), by=request.user, **wish.validated_data)
        return Response(ProposalSerializer(made).data, status=202)


class Proposals(PagedView, ProposalView):
    """All other texts of a ticket that were asked for, newest first."""

    @extend_schema(
        parameters=[OpenApiParameter("status", str, enum=TicketProposal.Status.values)],
        responses=ProposalSerializer(many=True),
    )
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID) -> Response:
        proposals = self.ticket().proposals.order_by("-created_at", "pk")
        if wanted := request.query_params.get("status"):
            proposals = proposals.filter(status=wanted)
        return self.paged(request, proposals, lambda page: ProposalSerializer(page, many=True).data)


class ProposalDetail(ProposalView):
    """One other text, and whether it is written yet."""

    @extend_schema(responses=ProposalSerializer)
    def get(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID, proposal_id: uuid.UUID) -> Response:
        return Response(ProposalSerializer(self.proposal()).data)


class ProposalAccept(ProposalView):
    """Make it, or some of its sections, a new version of the ticket."""

    @extend_schema(request=AcceptSerializer, responses=TicketSerializer)
    def post(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID, proposal_id: uuid.UUID) -> Response:
        asked = AcceptSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        ticket = rewriting.accept(
            self.proposal(),
            by=request.user,
            seen_version=asked.validated_data["version"],
            sections=asked.validated_data["sections"],
        )
        return Response(TicketSerializer(ticket).data)


class ProposalDiscard(ProposalView):
    """Drop it; the present text stays."""

    @extend_schema(request=None, responses=ProposalSerializer)
    def post(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID, proposal_id: uuid.UUID) -> Response:
        proposal = self.proposal()
        proposal.discard()
        return Response(ProposalSerializer(proposal).data)


class ProposalRevise(ProposalView):
    """Ask for another text that starts from this one."""

    @extend_schema(request=WishSerializer, responses={202: ProposalSerializer})
    def post(self, request: Request, session_id: uuid.UUID, ticket_id: uuid.UUID, proposal_id: uuid.UUID) -> Response:
        wish = WishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        before = self.proposal()
        made = rewriting.propose(before.ticket, by=request.user, revises=before, **wish.validated_data)
        return Response(ProposalSerializer(made).data, status=202)

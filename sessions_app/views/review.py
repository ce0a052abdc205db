"""Reading, changing and judging tickets; their versions and what is said about them."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sessions_app.actions import review
from sessions_app.differences import differences
from sessions_app.errors import AppError, StaleEdit
from sessions_app.filters import list_address, sent_filters
from sessions_app.models import Session, Ticket
from sessions_app.models.tickets import TEXT_FIELDS

from .access import session_or_404, ticket_or_404

SECTIONS = (
    ("title", "Title"),
    ("user_story", "User story"),
    ("analysis", "Analysis"),
    ("verification", "Verification"),
)


class TicketForm(forms.ModelForm[Ticket]):
    """The text of a ticket and the version that it was made from."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    class Meta:
        model = Ticket
        fields = list(TEXT_FIELDS)
        widgets = {
            "title": forms.TextInput,
            "user_story": forms.Textarea(attrs={"rows": 3}),
            "analysis": forms.Textarea(attrs={"rows": 16}),
            "verification": forms.Textarea(attrs={"rows": 12}),
        }
        help_texts = {"analysis": "Markdown: headings with ###, lists, tables, fenced code."}

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        if len(title.splitlines()) > 1:
            raise forms.ValidationError("A title is one line.")
        return title


@require_http_methods(["GET", "HEAD", "POST"])
def ticket_edit(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """The editor. A text that somebody else changed in between is shown beside one's own, and nothing is lost."""
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    context: dict[str, object] = {"session": session, "ticket": ticket}
    if request.method != "POST":
        context["form"] = TicketForm(instance=ticket, initial={"version": ticket.version})
        return render(request, "sessions_app/tickets/edit.html", context)
    form = TicketForm(request.POST)
    context["form"] = form
    if not form.is_valid():
        return render(request, "sessions_app/tickets/edit.html", context, status=422)
    texts = {name: form.cleaned_data[name] for name in TEXT_FIELDS}
    try:
        ticket.edit(editor=request.user, seen_version=form.cleaned_data["version"], **texts)
    except StaleEdit:
        ticket.refresh_from_db()
        context |= {
            "form": TicketForm(initial={**texts, "version": ticket.version}),
            "theirs": ticket.revisions.first(),
            "conflict": [
                (label, differences(getattr(ticket, name), texts[name]))
                for name, label in SECTIONS
                if getattr(ticket, name) != texts[name]
            ],
        }
        return render(request, "sessions_app/tickets/edit.html", context, status=409)
    messages.success(request, f"{ticket.short_key} is saved as version {ticket.version}.")
    following = _next(session, ticket) if "and_next" in request.POST else None
    return redirect("sessions:ticket-edit", session.pk, following.pk) if following else redirect(ticket)


@require_POST
def ticket_judge(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID, verb: str) -> HttpResponse:
    """approve, reject or reopen the version that was shown; then the same ticket, or the next one."""
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    version = request.POST.get("version", "")
    try:
        review.judge(
            ticket,
            verb,
            by=request.user,
            seen_version=int(version) if version.isdecimal() and len(version) < 9 else 0,
            reason=request.POST.get("reason", ""),
        )
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
        return redirect(ticket)
    messages.success(request, f"{ticket.short_key} is {ticket.get_status_display().lower()}.")
    following = _next(session, ticket) if "and_next" in request.POST else None
    return redirect(following or ticket)


@require_safe
def ticket_history(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """All versions, and the difference between any two (``?from=1&to=3``; by default the last step)."""
    session = session_or_404(request, session_id)
    ticket = ticket_or_404(session, ticket_id)
    revisions = list(ticket.revisions.only("version", "author", "created_at", "ticket_id"))
    numbers = [revision.version for revision in revisions]
    newer = _number(request.GET, "to", numbers, numbers[0] if numbers else 0)
    older = _number(request.GET, "from", numbers, max((n for n in numbers if n < newer), default=newer))
    both = {each.version: each for each in ticket.revisions.filter(version__in=(older, newer))}
    context = {
        "session": session,
        "ticket": ticket,
        "revisions": revisions,
        "older": both.get(older),
        "newer": both.get(newer),
        "sections": [
            (name, label, differences(getattr(both[older], name), getattr(both[newer], name)))
            for name, label in SECTIONS
            if both and getattr(both[older], name) != getattr(both[newer], name)
        ],
    }
    return render(request, "sessions_app/tickets/history.html", context)


def _number(query: QueryDict, name: str, known: list[int], default: int) -> int:
    value = query.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 9 and int(value) in known else default


@require_POST
def ticket_restore(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID, number: int) -> HttpResponse:
    """Make a version, or its ``section`` alone, the text again; as a new version."""
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    revision = get_object_or_404(ticket.revisions, version=number)
    version = request.POST.get("version", "")
    try:
        review.restore(
            ticket,
            revision,
            by=request.user,
            seen_version=int(version) if version.isdecimal() and len(version) < 9 else 0,
            only=request.POST.get("section", ""),
        )
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
        return redirect("sessions:ticket-history", session.pk, ticket.pk)
    messages.success(request, f"Version {number} is the text again, as version {ticket.version}.")
    return redirect(ticket)


@require_POST
def ticket_comment(request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID) -> HttpResponse:
    """Say something, or ask for changes (``request`` in the form)."""
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    try:
        review.comment(ticket, request.POST.get("text", ""), by=request.user, is_request="request" in request.POST)
    except AppError as error:
        messages.error(request, error.message)
    return redirect(f"{ticket.get_absolute_url()}#comments")


@require_POST
def comment_resolve(
    request: HttpRequest, session_id: uuid.UUID, ticket_id: uuid.UUID, comment_id: uuid.UUID
) -> HttpResponse:
    session = session_or_404(request, session_id, needs="review")
    ticket = ticket_or_404(session, ticket_id)
    review.resolve(get_object_or_404(ticket.comments, pk=comment_id))
    return redirect(f"{ticket.get_absolute_url()}#comments")


@require_POST
def tickets_bulk(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Judge the selected tickets, or all that match the list's filters (``all``)."""
    session = session_or_404(request, session_id, needs="review")
    filters = sent_filters(request.POST)
    back = list_address(session, filters)
    try:
        ids = [uuid.UUID(each) for each in request.POST.getlist("ticket")]
    except ValueError:
        messages.error(request, "A ticket was named that is not there. Select again.")
        return redirect(back)
    tickets = review.chosen(session, ids, filters if "all" in request.POST else None)
    try:
        result = review.bulk(
            session, tickets, request.POST.get("verb", ""), by=request.user, reason=request.POST.get("reason", "")
        )
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
        return redirect(back)
    return redirect("sessions:bulk-result", session.pk, result.change.pk) if result.change else _nothing(request, back)


def _nothing(request: HttpRequest, back: str) -> HttpResponse:
    messages.info(request, "Nothing had to be changed: all of them were so already, or cannot be.")
    return redirect(back)


@require_http_methods(["GET", "HEAD", "POST"])
def bulk_result(request: HttpRequest, session_id: uuid.UUID, change_id: uuid.UUID) -> HttpResponse:
    """What became of each ticket; POST undoes it."""
    session = session_or_404(request, session_id, needs="review")
    change = get_object_or_404(session.bulk_changes.select_related("by"), pk=change_id)
    if request.method == "POST":
        try:
            result = review.undo(change, by=request.user)
        except AppError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"Undone for {len(result.done)} ticket{pluralize(len(result.done))}.")
            for key, words in result.skipped[:10]:
                messages.warning(request, f"{key}: {words}")
        return redirect("sessions:tickets", session.pk)
    ids = [each["ticket"] for each in change.changes]
    tickets = session.tickets.filter(pk__in=ids[:200]).only("session_id", "number", "title", "status")
    context = {"session": session, "change": change, "tickets": tickets, "count": len(ids)}
    return render(request, "sessions_app/tickets/bulk.html", context)


def _next(session: Session, ticket: Ticket) -> Ticket | None:
    """The next one in working order that is still to be judged."""
    return (
        session.tickets.in_backlog()
        .filter(position__gt=ticket.position, status=Ticket.Status.DRAFT)
        .order_by("position")
        .first()
    )

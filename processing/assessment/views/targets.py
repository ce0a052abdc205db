"""Where a workspace's assessment events are sent to, and what became of each."""

from __future__ import annotations

import secrets
import uuid

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from processing.assessment.delivery.webhooks import send_again
from processing.assessment.events import RELAY
from processing.assessment.models import EventDelivery, WebhookTarget
from processing.engine.queue import enqueue
from processing.models.encrypted import Secret
from sessions_app.models import AuditEvent, Membership, Workspace

MOST_TARGETS = 10


class TargetForm(forms.Form):
    url = forms.URLField(
        label="Address", max_length=300, assume_scheme="https", help_text="By https, and public. It gets every event."
    )


def _workspace(request: HttpRequest, workspace_id: uuid.UUID, *, owned: bool) -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    if owned and workspace.role_of(request.user) != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner may change where events are sent to.")
    return workspace


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """All targets and the latest deliveries; an owner adds one, and sees its secret once."""
    workspace = _workspace(request, workspace_id, owned=request.method == "POST")
    form = TargetForm(request.POST or None)
    made, text = None, ""
    if request.method == "POST" and form.is_valid():
        made, text = _made(request, workspace, form)
    deliveries = EventDelivery.objects.filter(target__workspace=workspace).select_related("event__batch", "target")
    context = {
        "workspace": workspace,
        "form": TargetForm() if made else form,
        "made": made,
        "new_text": text,
        "targets": WebhookTarget.objects.filter(workspace=workspace),
        "deliveries": deliveries[:100],
        "may_own": workspace.role_of(request.user) == Membership.Role.OWNER,
        "callback_url": request.build_absolute_uri("/callbacks/assessment"),
    }
    status = 422 if form.is_bound and not made else 200
    return render(request, "assessment/targets/page.html", context, status=status)


def _made(request: HttpRequest, workspace: Workspace, form: TargetForm) -> tuple[WebhookTarget | None, str]:
    text = f"whsec_{secrets.token_urlsafe(32)}"
    target = WebhookTarget(
        workspace=workspace,
        url=form.cleaned_data["url"],
        hint=text[-4:],
        made_by_id=request.user.pk,
    )
    target.secret = Secret.of(text)
    mine = WebhookTarget.objects.filter(workspace=workspace)
    if mine.filter(url=target.url).exists() or mine.count() >= MOST_TARGETS:
        form.add_error(
            "url", f"Events are sent there already, or to {MOST_TARGETS} addresses, which is all there may be."
        )
        return None, ""
    try:
        target.clean()
    except ValidationError as error:
        form.add_error("url", error.messages[0])
        return None, ""
    target.save()
    AuditEvent.record("assessment.target_added", workspace, by=request.user, details={"url": target.url})
    return target, text


@require_POST
def delete(request: HttpRequest, workspace_id: uuid.UUID, target_id: uuid.UUID) -> HttpResponse:
    workspace = _workspace(request, workspace_id, owned=True)
    target = get_object_or_404(WebhookTarget, pk=target_id, workspace=workspace)
    AuditEvent.record("assessment.target_deleted", workspace, by=request.user, details={"url": target.url})
    target.delete()
    messages.success(request, "Nothing is sent there any more.")
    return redirect("assessments:targets", workspace.pk)


@require_POST
def again(request: HttpRequest, workspace_id: uuid.UUID, delivery_id: uuid.UUID) -> HttpResponse:
    """Try a delivery once more, now."""
    workspace = _workspace(request, workspace_id, owned=True)
    delivery = get_object_or_404(EventDelivery, pk=delivery_id, target__workspace=workspace)
    if send_again(delivery):
        enqueue(RELAY, queue="default")
        messages.success(request, "It is sent again.")
    return redirect("assessments:targets", workspace.pk)

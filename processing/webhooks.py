"""The one door for signed messages: who sent this, has it been here, and one clear answer.

    @webhook(Purpose.SERVICEDESK)
    def servicedesk(delivery: Delivery) -> Answer:
        return Answer(202, {"job_id": …})

What a handler writes and the row that says the message has been here are one transaction: if the handler raises,
nothing has happened and the sender may send again. A message that has been here gets the answer it got then.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets as random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from processing import figures
from processing.errors import ProcessingError
from processing.models import WebhookDelivery, WebhookSecret
from processing.signatures import Headers, Unsigned, headers_of, message_digest, signer
from sessions_app.correlation import correlation_id
from sessions_app.errors import AppError, Category, TooLarge
from sessions_app.models import Workspace

logger = logging.getLogger(__name__)

_NOBODYS: Final = random.token_urlsafe(32)
"""Compared with where there is no secret, so that an unknown workspace takes as long as a wrong signature."""


class WebhookRefused(ProcessingError):
    """Not signed, or not as it should be. The same words for an unknown workspace as for a wrong signature."""

    code = "webhook_refused"
    http_status = 401


class WebhookInvalid(ProcessingError):
    """Signed, but not the JSON that is expected; ``details["errors"]`` may say where."""

    code = "webhook_invalid"
    http_status = 422


class DeliveryReused(ProcessingError):
    """The id of this delivery was used for another message."""

    code = "delivery_reused"
    http_status = 409


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is known to come from the workspace's sender."""

    workspace: Workspace
    purpose: str
    delivery_id: str
    body: bytes

    @property
    def body_digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    def json(self) -> dict[str, Any]:
        """The body's object. Raises WebhookInvalid."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise WebhookInvalid("The body is not JSON.") from None
        if not isinstance(value, dict):
            raise WebhookInvalid("The body has to be a JSON object.")
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any] = field(default_factory=dict)


Handler = Callable[[Delivery], Answer]


def webhook(purpose: str) -> Callable[[Handler], Callable[[HttpRequest], HttpResponse]]:
    """Makes a view of a handler. The handler runs in a transaction; an AppError that it raises undoes all it did."""

    def decorate(handler: Handler) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @login_not_required
        @require_POST
        @wraps(handler)
        def view(request: HttpRequest) -> HttpResponse:
            status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
            try:
                response = _answered(request, purpose, handler)
                status = response.status_code
                return response
            finally:
                figures.webhook_answered(purpose, status)

        return view

    return decorate


def _answered(request: HttpRequest, purpose: str, handler: Handler) -> JsonResponse:
    try:
        answer = receive(request, purpose, handler)
    except AppError as error:
        return _problem(error)
    return JsonResponse(answer.body, status=answer.status)


def receive(request: HttpRequest, purpose: str, handler: Handler) -> Answer:
    """Raises WebhookRefused, DeliveryReused, TooLarge, or what the handler raises."""
    body = _bounded(request)
    try:
        claimed = headers_of(request.headers, time.time())
    except Unsigned as error:
        raise WebhookRefused(str(error)) from None
    workspace = _authenticated(claimed, body, purpose)
    return once(Delivery(workspace, purpose, claimed.delivery_id, body), message_digest(claimed, body), handler)


def _bounded(request: HttpRequest) -> bytes:
    limit = settings.WEBHOOK_MAX_BYTES
    length = request.META.get("CONTENT_LENGTH") or "0"
    too_large = TooLarge(f"The message is larger than the {limit // 1024} KB that are accepted.", recovery_actions=())
    if not length.isdecimal() or int(length) > limit:
        raise too_large
    try:
        body = request.read(limit + 1)
    except (UnreadablePostError, OSError):
        raise WebhookRefused("The message broke off before its end.") from None
    if len(body) > limit:
        raise too_large
    return body


def _authenticated(claimed: Headers, body: bytes, purpose: str) -> Workspace:
    """The workspace whose secret signed it."""
    valid = WebhookSecret.objects.valid().filter(workspace__slug=claimed.workspace, purpose=purpose)
    known = list(valid.select_related("workspace"))
    texts = [row.secret.reveal() for row in known]
    texts += [_NOBODYS] * (2 - len(texts))
    place = signer(claimed, body, texts)
    if place is None or place >= len(known):
        logger.warning("webhook for %s refused: workspace %s, wrong signature", purpose, claimed.workspace)
        raise WebhookRefused(
            "The signature is not right.",
            recovery_actions=(
                "Sign “{timestamp}.{body}” with a valid secret of this workspace, by HMAC-SHA256, over the raw bytes.",
            ),
        )
    known[place].note_use()
    return known[place].workspace


def once(delivery: Delivery, message: str, handler: Handler) -> Answer:
    """Handle what is new; repeat the answer to what has been here. ``message``: a digest that the same has again."""
    with transaction.atomic():
        mine = _noted(delivery, message)
        if mine is None:
            return _earlier(delivery, message)
        answer = handler(delivery)
        WebhookDelivery.objects.filter(pk=mine.pk).update(status=answer.status, answer=answer.body)
    return answer


def _noted(delivery: Delivery, message: str, repeats: WebhookDelivery | None = None) -> WebhookDelivery | None:
    """The row of this message; None if there is one already. Waits for the same one under way."""
    mine = WebhookDelivery(
        workspace=delivery.workspace,
        purpose=delivery.purpose,
        delivery_id=delivery.delivery_id,
        message=message,
        body=delivery.body_digest,
        repeats=repeats,
    )
    WebhookDelivery.objects.bulk_create([mine], ignore_conflicts=True)
    return mine if WebhookDelivery.objects.filter(pk=mine.pk).exists() else None


def _earlier(delivery: Delivery, message: str) -> Answer:
    """The answer to a message that has been here: as it stands, or under the same id and signed anew, as a sender does
    who tries again. That signature is noted too, or it could be sent under an id of somebody's own.
    """
    seen = WebhookDelivery.objects.filter(workspace=delivery.workspace, purpose=delivery.purpose)
    same = seen.select_related("repeats").filter(message=message).first()
    if same is None:
        same = seen.filter(delivery_id=delivery.delivery_id, body=delivery.body_digest, repeats=None).first()
        if same is None:
            raise DeliveryReused("Another message was delivered under this id before.")
        _noted(delivery, message, repeats=same)
    first = same.repeats or same
    logger.info("webhook for %s: delivery %s has been here", delivery.purpose, delivery.delivery_id)
    return Answer(first.status, {**first.answer, "duplicate": True})


def _problem(error: AppError) -> JsonResponse:
    status = getattr(error, "status", error.http_status)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "category": str(Category(error.category)),
        "recovery_actions": list(error.recovery_actions),
        "request_id": correlation_id.get(),
        **error.details,
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")

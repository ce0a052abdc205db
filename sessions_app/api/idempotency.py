"""``Idempotency-Key`` on POST: sent again, a request is answered as it was before, and nothing is done twice."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sessions_app.errors import AppError, Category
from sessions_app.models import IdempotencyKey
from sessions_app.models.idempotency import LONGEST_KEY

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
ABANDONED: Final = timedelta(minutes=2)
"""After which a request that never came to its end (its process died) may be sent again."""


class KeyUsedOtherwise(AppError):
    """The key came with another request before."""

    code = "idempotency_key_reused"
    http_status = 422
    recovery_actions = ("Send a new request under a new key.",)


class InProgress(AppError):
    """The same request came before and has not been answered yet."""

    code = "request_in_progress"
    http_status = 409
    category = Category.TEMPORARY
    recovery_actions = ("Wait a moment and send it again under the same key.",)
    retry_after = 1


class Answered(Exception):
    """Ends the handling of a request that was answered before."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class IdempotentView(APIView):
    """POSTs that carry the header are done once for each person and key; the rest is as ever."""

    _kept: IdempotencyKey | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.prepare(request, **kwargs)
        key = request.headers.get(HEADER, "")
        if request.method == "POST" and key:
            if len(key) > LONGEST_KEY or not key.isprintable():
                raise ValidationError({HEADER: [f"At most {LONGEST_KEY} printable characters."]})
            self._kept = _begin(request, key)

    def prepare(self, request: Request, **kwargs: Any) -> None:
        """What is looked up, and refused, first: answers are given again only to those who may still have them."""

    def handle_exception(self, exc: Exception) -> Response:
        return exc.response if isinstance(exc, Answered) else super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        kept, self._kept = self._kept, None
        if kept is not None:
            _end(kept, response)
        return super().finalize_response(request, response, *args, **kwargs)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        except BaseException:  # a bug: what was begun has come to no end
            if self._kept is not None:
                self._kept.delete()
            raise


def _begin(request: Request, key: str) -> IdempotencyKey:
    """Take the key, or raise Answered with what was answered under it."""
    digest = _digest(request)
    mine = IdempotencyKey.objects.filter(user_id=request.user.pk or 0, key=key)
    mine.filter(status=None, created_at__lt=timezone.now() - ABANDONED).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(user_id=request.user.pk or 0, key=key, request_hash=digest)
    except IntegrityError:
        before = mine.first()
    if before is None or before.status is None:
        raise InProgress("The same request is being worked on.")
    if before.request_hash != digest:
        raise KeyUsedOtherwise("This Idempotency-Key was used for another request.")
    raise Answered(Response(before.body, status=before.status, headers={REPLAYED: "true"}))


def _end(kept: IdempotencyKey, response: Any) -> None:
    """Keep a success; what was refused or failed may be tried again."""
    if isinstance(response, Response) and response.status_code < 300:
        body = json.loads(json.dumps(response.data, default=str))
        IdempotencyKey.objects.filter(pk=kept.pk).update(status=response.status_code, body=body)
    else:
        kept.delete()


def _digest(request: Request) -> str:
    """Names the request: address and body, files by what they hold."""
    found = hashlib.sha256(request.get_full_path().encode())
    files: Any = request.FILES
    fields = request.data
    if hasattr(fields, "lists"):
        fields = {name: values for name, values in fields.lists() if name not in files}
    found.update(json.dumps(fields, sort_keys=True, default=str).encode())
    for name in sorted(files):
        for file in files.getlist(name):
            found.update(f"{name}\0{file.name}\0".encode("utf-8", "replace"))
            for chunk in file.chunks():
                found.update(chunk)
            file.seek(0)
    return found.hexdigest()

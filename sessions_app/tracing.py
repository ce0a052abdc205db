"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set; without it all of this does nothing.

    with tracing.span("export issue", target="jira") as span:
        span.set(outcome="created")

What a span may say: names, numbers and states of ours, never a text of a ticket, an address or a message of an error.
Spans are sent from a thread of their own, and dropped when there are too many. A work-horse sends its own before it
ends; a collector that lets it wait is left alone for a minute, by all work-horses of that worker.
"""

from __future__ import annotations

import atexit
import logging
import mmap
import os
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.conf import settings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

logger = logging.getLogger(__name__)

FLUSH: Final = 1.0
"""Seconds that the end of a process waits for the collector."""
SILENCE: Final = 60.0
LONGEST_VALUE: Final = 100
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

Value = str | int | float | bool

_providers: dict[int, TracerProvider | None] = {}
"""By process: the threads that send do not survive a fork."""
_making = threading.Lock()
_silent_until: Final = mmap.mmap(-1, 8)
"""Seconds since the epoch, in memory that forks share: what one work-horse has learned the next one knows."""


class Traced:
    """A span that is open, or nothing at all."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def set(self, **facts: Value | None) -> None:
        """Facts by their names, ``__`` for the dots of OpenTelemetry's own: ``http__route``."""
        if self._span is not None:
            for name, value in facts.items():
                if value is not None:
                    short = value[:LONGEST_VALUE] if isinstance(value, str) else value
                    self._span.set_attribute(name.replace("__", "."), short)

    def rename(self, name: str) -> None:
        if self._span is not None:
            self._span.update_name(name[:LONGEST_VALUE])

    def failed(self, kind: str) -> None:
        """``kind``: a code, or the name of an error's class; its message may quote anything."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR)
            self.set(error__type=kind)


NOTHING: Final = Traced()


def is_on() -> bool:
    return bool(settings.OTEL_EXPORTER_OTLP_ENDPOINT)


@contextmanager
def span(
    name: str, kind: str = "internal", *, continues: Mapping[str, str] | None = None, **facts: Value | None
) -> Iterator[Traced]:
    """Something that takes time. ``kind``: internal, server, client or consumer; ``continues``: what ``carrier`` gave
    in another process, or a request's headers.
    """
    provider = _provider() if is_on() else None
    if provider is None:
        yield NOTHING
        return
    from opentelemetry.trace import SpanKind

    with provider.get_tracer("ticketgen").start_as_current_span(
        name[:LONGEST_VALUE],
        context=_context_of(continues) if continues is not None else None,
        kind=SpanKind[kind.upper()],
        record_exception=False,
        set_status_on_exception=False,
    ) as started:
        traced = Traced(started)
        traced.set(**facts)
        try:
            yield traced
        except BaseException as error:
            traced.failed(type(error).__name__)
            raise


def carrier() -> dict[str, str]:
    """What continues the present trace elsewhere: ``{"traceparent": …}``, or {} outside of any."""
    if not is_on() or _provider() is None:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(found)
    return {name: value for name, value in found.items() if name == "traceparent"}


def along() -> Callable[[], None]:
    """To be called first in a thread that works for this one: what it does belongs to the same trace."""
    if not is_on() or _provider() is None:
        return lambda: None
    from opentelemetry import context

    here = context.get_current()

    def take_along() -> None:
        context.attach(here)

    return take_along


def flush() -> None:
    """Send what has ended, and wait for it, but not long."""
    provider = _providers.get(os.getpid())
    if provider is None or time.time() < struct.unpack("d", _silent_until[:])[0]:
        return
    sending = threading.Thread(target=provider.force_flush, name="trace-flush", daemon=True)
    sending.start()
    sending.join(FLUSH)
    if sending.is_alive():
        _silent_until[:] = struct.pack("d", time.time() + SILENCE)
        logger.warning("the collector of traces does not take them; it is left alone for a minute")


def _context_of(continues: Mapping[str, str]) -> Context:
    """Only the parent's ids are taken over: a stranger's ``tracestate`` is of no use here."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = continues.get("traceparent", "")
    given = {"traceparent": parent} if _TRACEPARENT.fullmatch(parent) else {}
    return TraceContextTextMapPropagator().extract(given, context=Context())


def _provider() -> TracerProvider | None:
    """This process's; None where the packages are missing, of which the system check tells (ticketgen/checks.py)."""
    pid = os.getpid()
    if pid not in _providers:
        with _making:
            if pid not in _providers:
                _providers[pid] = _made()
                atexit.register(flush)
    return _providers[pid]


def _made() -> TracerProvider | None:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        logger.warning("traces are off: %s", error)
        return None
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/")
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", headers=dict(settings.OTEL_EXPORTER_OTLP_HEADERS))
    provider = TracerProvider(
        resource=Resource.create({"service.name": settings.OTEL_SERVICE_NAME}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider

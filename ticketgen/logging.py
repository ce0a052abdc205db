"""Log lines that carry their context: the request or the job they belong to."""

import json
import logging
import re
import traceback
from datetime import UTC, datetime

from sessions_app.correlation import correlation_id

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters, which could clear an operator's terminal, and what else ends a line."""


class ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = correlation_id.get()
        return True


def _escaped(message: str) -> str:
    """One record is one line, whatever a stranger put into a name."""
    message = message.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", message)


class LineFormatter(logging.Formatter):
    """For people: time, level, logger, message, correlation id."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        context = getattr(record, "correlation_id", "")
        line = f"{when} {record.levelname.lower():7} {record.name}: {_escaped(record.getMessage())}"
        if fields := getattr(record, "fields", None):
            line += "".join(f" {name}={_escaped(str(value))}" for name, value in fields.items())
        line = f"{line} [{context}]" if context else line
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object a line, without local variables of any frame; with ``extra={"fields": {…}}``."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            "correlation_id": getattr(record, "correlation_id", ""),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(entry, ensure_ascii=False, default=str))

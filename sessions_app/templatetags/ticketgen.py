"""Small pieces that templates need everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sessions_app import menu
from sessions_app.markdown import to_html
from sessions_app.marks import Words

register = template.Library()


@register.filter
def markdown(text: str, marked: Words | None = None) -> SafeString:
    """Markdown of strangers as sanitised HTML; ``marked`` words stand out."""
    return to_html(text, marked if marked and marked.in_code else None)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The present query string with some values changed; None removes one."""
    wanted: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            wanted.pop(name, None)
        else:
            wanted[name] = value
    return f"?{wanted.urlencode()}" if wanted else "?"


@register.simple_tag
def menu_entries(place: str, *about: Any) -> list[tuple[menu.Entry, str]]:
    """What other rooms added to this menu: (entry, address)."""
    return list(menu.entries(place, *about))


NEVER = format_html('<span class="muted">{}</span>', "–")


@register.filter
def moment(at: datetime | None) -> SafeString:
    """``<time>`` with date, hour and minute in UTC; a dash for None. Lists have hundreds, so no template is asked."""
    if not at:
        return NEVER
    there = at.astimezone(UTC)
    return format_html('<time datetime="{}">{} UTC</time>', there.isoformat(), f"{there.day} {there:%b %Y, %H:%M}")


@register.filter
def duration(seconds: float | None) -> str:
    """``75`` -> ``1 min 15 s``."""
    if seconds is None:
        return "…"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    return mapping.get(key, "")


@register.filter
def at(sequence: list[Any], index: int) -> Any:
    return sequence[index] if 0 <= index < len(sequence) else ""


@register.filter
def words(code: str) -> str:
    """``storage_conflict`` -> ``Storage conflict``."""
    return code.replace("_", " ").capitalize()

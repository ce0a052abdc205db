"""Rows for image styles, their effects, and responsive image styles."""

from collections.abc import Iterator
from typing import Final

from .documents import Value
from .objects import ConfigObject, ConfigObjects, by_weight, items, mapping, text, texts
from .tabs import Record, joined
from .words import IMAGE_EFFECTS, word

_SPECIAL_STYLES: Final = {"_empty image_": "empty image", "_original image_": "original image"}
_TIMES: Final = "\N{MULTIPLICATION SIGN}"


def image_style_records(objects: ConfigObjects) -> Iterator[Record]:
    for style in objects.of_kind("image.style"):
        yield (
            style.origin,
            {
                "Style name": _label(style),
                "Machine name": style.id,
                "Notes": "; ".join(f"{effect} {summary}".strip() for effect, summary in _effects(style, objects)),
            },
        )


def image_effect_records(objects: ConfigObjects) -> Iterator[Record]:
    for style in objects.of_kind("image.style"):
        for effect, summary in _effects(style, objects):
            yield style.origin, {"Image style": _label(style), "Effect": effect, "Summary": summary}


def _label(style: ConfigObject) -> str:
    return text(style.values, "label") or style.id


def _effects(style: ConfigObject, objects: ConfigObjects) -> Iterator[tuple[str, str]]:
    """(effect, summary) in the order in which they are applied: by weight, not as the file lists them."""
    for _, effect in by_weight(mapping(style.values, "effects").items()):
        plugin_id = text(effect, "id")
        yield word(IMAGE_EFFECTS, plugin_id), _summary(plugin_id, effect, objects)


def _summary(plugin_id: str, effect: Value, objects: ConfigObjects) -> str:
    """An effect in a few words. The extension of "Convert to AVIF" is what browsers without AVIF get."""
    data = mapping(effect, "data")
    if crop_type := text(data, "crop_type"):
        label = text(objects.named(f"crop.type.{crop_type}"), "label") or crop_type
        return f"uses {label} crop type"
    if "width" in data or "height" in data:
        return _size(text(data, "width"), text(data, "height"))
    if extension := text(data, "extension"):
        return f"fallback: {extension}" if plugin_id == "image_convert_avif" else extension
    return ", ".join(f"{key}: {text(data, key)}" for key in data if text(data, key))


def _size(width: str, height: str) -> str:
    if width and height:
        return f"{width}{_TIMES}{height}"
    return f"width {width}" if width else f"height {height}" if height else ""


def responsive_style_records(objects: ConfigObjects) -> Iterator[Record]:
    for style in objects.of_kind("responsive_image.styles"):
        group = text(style.values, "breakpoint_group")
        fallback = text(style.values, "fallback_image_style")
        special = fallback in _SPECIAL_STYLES
        yield (
            style.origin,
            {
                "Responsive style": _label(style),
                "Machine Name": style.id,
                "Breakpoint Group": group,
                "Breakpoints Used": joined(_breakpoints(style, group)),
                "Fallback Style": "" if special else _style_label(objects, fallback),
                "Image Style Group(s)": joined(_style_label(objects, used) for used in _styles_used(style)),
                "Notes": f"Fallback: {_SPECIAL_STYLES[fallback]}" if special else "",
                "Fallback machine name": "" if special else fallback,
            },
        )


def _style_label(objects: ConfigObjects, machine_name: str) -> str:
    return text(objects.named(f"image.style.{machine_name}"), "label") or machine_name


def _breakpoints(style: ConfigObject, group: str) -> Iterator[str]:
    for found in items(style.values, "image_style_mappings"):
        name = text(found, "breakpoint_id").removeprefix(f"{group}.")
        yield f"{name} ({text(found, 'multiplier')})"


def _styles_used(style: ConfigObject) -> Iterator[str]:
    """Image styles in the order of the breakpoints: one each, or a list that the browser chooses from."""
    for found in items(style.values, "image_style_mappings"):
        if text(found, "image_mapping_type") == "sizes":
            used = texts(found, "image_mapping", "sizes_image_styles")
        else:
            used = [text(found, "image_mapping")]
        yield from (name for name in used if name and name not in _SPECIAL_STYLES)

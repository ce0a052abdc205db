"""Image styles, their effects and responsive image styles."""

import re
from typing import Final

from sessions_app.parsing.payload import EntityPayload

from . import cells, prose
from .draft import Draft, Scenario, SiteContext, Story, notes, parent_name, place, present
from .drupal import EFFECT_MODULES, EFFECTS

STYLES: Final = "/admin/config/media/image-styles"
RESPONSIVE: Final = "/admin/config/media/responsive-image-style"
_SIZE: Final = re.compile(r"(\d{1,5})\s*[\u00d7xX*]\s*(\d{1,5})")


def _size(text: str) -> tuple[str, str] | None:
    found = _SIZE.search(text[:400])
    return (found[1], found[2]) if found else None


def write_image_style(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    name, quoted = cells.usable(machine_name), prose.quoted(label, 80)
    manage = f"{STYLES}/manage/{name}" if name else ""
    described = bool(cells.cell(entity, "Notes") or entity["children"])
    return Draft(
        noun="image style",
        label=label,
        machine_name=machine_name,
        story=Story(
            "visitor",
            f"pictures in the format {quoted}",
            "they fit their place on the page and load no more data than needed",
        ),
        scenario=_style_scenario(label, name),
        intro=f"An image style {prose.named(label, machine_name)}.",
        settings=notes(entity),
        steps=(
            f"At `{STYLES}/add`, add the image style {prose.named(label, machine_name)}.",
            "" if entity["children"] else _effects_step(entity, manage),
        ),
        modules=("image",),
        edit=manage,
        objects=present(f"image.style.{name}" if name else ""),
        checks=_image_style_checks(entity, manage, name),
        decisions=present(
            cells.machine_name_decision(machine_name),
            "" if described else "This row names no effects: see the rows of the effects, or ask which are meant.",
        ),
        removal=(
            "Replace it in image formatters, responsive image styles, view modes, editors and templates.",
            (
                f"Delete it at {prose.code(f'{manage}/delete' if manage else STYLES)}; Drupal asks for a style to take "
                "its place."
            ),
        ),
        loss="Only the derived pictures go; the originals stay.",
    )


def _image_style_checks(entity: EntityPayload, manage: str, name: str) -> tuple[str, ...]:
    return present(
        f"Open {prose.code(manage or STYLES)}: the style must be there, with its effects in the specified order.",
        _style_size_check(entity),
        "Show a picture in this style on a page and open the picture alone: its address must hold "
        f"{prose.code(f'/styles/{name}/')}."
        if name
        else "",
        "Try an upright, a wide and a very small original: none may come out distorted.",
    )


def _effects_step(entity: EntityPayload, manage: str) -> str:
    at = prose.code(manage) if manage else "its page"
    if cells.cell(entity, "Notes"):
        return f"At {at}, add the effects that the notes name, in their order."
    return f"At {at}, add its effects as their own rows of the specification say."


def _style_size_check(entity: EntityPayload) -> str:
    size = _size(cells.cell(entity, "Notes")) or _size(entity["data"]["label"])
    return (
        f"Measure the derived picture of a large original; the specification speaks of {size[0]} {prose.TIMES} "
        f"{size[1]} pixels."
        if size
        else ""
    )


def _style_scenario(label: str, name: str) -> Scenario:
    address = f'the address of the picture holds "/styles/{name}/"' if name else "the derived picture is delivered"
    return Scenario(
        "A picture is shown in the style",
        ("a page shows an uploaded picture", f'its display uses the image style "{prose.spoken(label, 80)}"'),
        ("a visitor opens the page",),
        (address, "the picture loads without an error"),
    )


# Image effects


def write_image_effect(entity: EntityPayload, site: SiteContext) -> Draft:
    label, style = entity["data"]["label"] or cells.cell(entity, "Effect"), _style(entity)
    summary = cells.cell(entity, "Summary")
    plugin = EFFECTS.get(" ".join(label.casefold().split()), "")
    name = cells.usable(parent_name(entity, "image_styles"))
    manage = f"{STYLES}/manage/{name}" if name else ""
    effect = f"{prose.quoted(label, 80)}{f' ({prose.code(plugin)})' if plugin else ''}"
    return Draft(
        noun="image effect",
        label=label,
        machine_name="",
        verb="Add",
        detail=summary,
        place=place("image style", style, name),
        story=Story(
            "visitor", f"pictures in the style {prose.quoted(style, 80)} {_wish(plugin, summary)}", _reason(plugin)
        ),
        scenario=_effect_scenario(label, style, summary, plugin),
        intro=f"The effect {effect} in the image style {prose.quoted(style, 80)}.",
        settings=present(f"Settings: {prose.inline(summary, 200)}" if summary else "", *notes(entity)),
        steps=_image_effect_steps(effect, manage, name, summary),
        modules=present("image", EFFECT_MODULES.get(plugin, "")),
        edit=manage,
        part_of=f"image.style.{name}" if name else "",
        part_key="effects",
        checks=(
            f"Open {prose.code(manage or STYLES)}: the effect must be listed with its settings.",
            *_effect_checks(plugin, summary),
        ),
        decisions=_image_effect_decisions(label, name, plugin, summary),
        removal=(
            f"Remove the effect at {prose.code(manage) if manage else f'the page of the style, under `{STYLES}`'}.",
            f"Throw away derived pictures made with it: {prose.code(f'drush image:flush {name}')}." if name else "",
        ),
        loss="Only the derived pictures change; the originals stay.",
        heads=("Plugin", "Settings"),
        row=(prose.code(plugin) if plugin else "", prose.inline(summary, 120)),
        part_step=f"Add the effects of the table below{f' at {prose.code(manage)}' if manage else ''}, in the order "
        "of their rows.",
        part_check=" ".join(_effect_checks(plugin, summary)) or "it must be listed with its settings.",
    )


def _image_effect_steps(effect: str, manage: str, name: str, summary: str) -> tuple[str, ...]:
    return (
        f"At {prose.code(manage) if manage else f'the page of the style, under `{STYLES}`'}, add the effect {effect}.",
        f"Enter its settings: {prose.inline(summary, 200)}." if summary else "",
        "Put it in its place among the other effects; they run from top to bottom.",
        f"Throw away derived pictures made before: {prose.code(f'drush image:flush {name}')}." if name else "",
    )


def _image_effect_decisions(label: str, name: str, plugin: str, summary: str) -> tuple[str, ...]:
    return present(
        ""
        if plugin or cells.usable(label) == label.lower()
        else f"Which module brings the effect {prose.quoted(label, 80)}?",
        "" if summary or plugin == "image_desaturate" else "The settings of the effect are not given.",
        "The cells give no order of the effects but that of their rows.",
        "" if name else "The image style is not in the specification, or its machine name is unknown.",
    )


def _style(entity: EntityPayload) -> str:
    return entity["parent_label"] or cells.raw(entity, "Image style")


def _wish(plugin: str, summary: str) -> str:
    size = _size(summary)
    measure = f" {size[0]} {prose.TIMES} {size[1]} pixels" if size else " their specified size"
    return {
        "image_scale": f"to be scaled to at most{measure}",
        "image_scale_and_crop": f"to be scaled and cropped to{measure}",
        "image_crop": f"to be cropped to{measure}",
        "image_resize": f"to be resized to{measure}",
        "crop_crop": "to be cut where the editor chose",
        "focal_point_scale_and_crop": f"to be cropped to{measure} around their focal point",
        "image_convert": "to be delivered in another file format",
        "image_convert_avif": "to be delivered as AVIF",
        "image_desaturate": "to be shown without colours",
        "image_rotate": "to be turned",
    }.get(plugin, "to be processed as specified")


def _reason(plugin: str) -> str:
    if plugin.startswith("image_convert"):
        return "pages load faster"
    if "crop" in plugin:
        return "all pictures in a row have the same shape"
    return "they fit the place where they are shown"


def _effect_checks(plugin: str, summary: str) -> tuple[str, ...]:
    size = _size(summary)
    if size and plugin == "image_scale":
        box = f"{size[0]} {prose.TIMES} {size[1]} pixels"
        return (f"Show a large original: the derived picture must fit into {box} and keep its shape.",)
    if size:
        return (f"Show a large original: the derived picture must measure {size[0]} {prose.TIMES} {size[1]} pixels.",)
    if plugin == "image_convert_avif":
        fallback = f" The fallback is set to: {prose.inline(summary, 80)}." if summary else ""
        return (
            (
                f"Show a picture: its type must be `image/avif`, or the fallback where the server cannot write "
                f"AVIF.{fallback}"
            ),
        )
    if plugin == "image_convert" and summary:
        return (f"Show a picture: its type must be that of the settings: {prose.inline(summary, 80)}.",)
    return ("Show a picture in this style before and after: the effect must be visible.",)


def _effect_scenario(label: str, style: str, summary: str, plugin: str) -> Scenario:
    size = _size(summary)
    if size and plugin == "image_scale":
        outcome = f"the derived picture is at most {size[0]} pixels wide and {size[1]} pixels high"
    elif size:
        outcome = f"the derived picture is {size[0]} pixels wide and {size[1]} pixels high"
    elif plugin == "image_convert_avif":
        outcome = "the derived picture is delivered as AVIF or in the fallback format"
    else:
        outcome = f'the effect "{prose.spoken(label, 80)}" is visible in the derived picture'
    given = (
        f'the image style "{prose.spoken(style, 80)}" has the effect "{prose.spoken(label, 80)}"',
        "a large picture is uploaded",
    )
    return Scenario("The effect is applied", given, ("a page shows the picture in this style",), (outcome,))


# Responsive image styles


def write_responsive_style(entity: EntityPayload, site: SiteContext) -> Draft:
    label, machine_name = entity["data"]["label"], entity["data"]["machine_name"]
    name = cells.usable(machine_name)
    manage = f"{RESPONSIVE}/{name}" if name else ""
    group, used = cells.cell(entity, "Breakpoint Group"), cells.cell(entity, "Breakpoints Used")
    fallback, styles = cells.cell(entity, "Fallback Style"), cells.cell(entity, "Image Style Group(s)")
    breakpoints = cells.options(used)
    return Draft(
        noun="responsive image style",
        label=label,
        machine_name=machine_name,
        story=Story(
            "visitor",
            f"pictures shown as {prose.quoted(label, 80)} to come in a size that suits my screen",
            "they are sharp on a large screen and light on a phone",
        ),
        scenario=Scenario(
            "The browser is offered several sizes",
            (f'a page shows a picture in the responsive image style "{prose.spoken(label, 80)}"',),
            ("a visitor opens the page on a narrow and on a wide screen",),
            ("the page source offers several sizes of the picture", "the narrow screen does not load the largest one"),
        ),
        intro=f"A responsive image style {prose.named(label, machine_name)}.",
        settings=_responsive_style_settings(entity, breakpoints, fallback, group, styles),
        steps=_responsive_style_steps(breakpoints, fallback, group, label, machine_name),
        modules=("responsive_image", "breakpoint"),
        edit=manage,
        objects=present(f"responsive_image.styles.{name}" if name else ""),
        checks=_responsive_style_checks(fallback, manage),
        decisions=_responsive_style_decisions(breakpoints, fallback, group, machine_name, styles),
        removal=(
            "Replace it in image formatters, view modes and templates.",
            f"Delete it at {prose.code(f'{manage}/delete' if manage else RESPONSIVE)}.",
        ),
        loss=_NOTHING_LOST,
    )


def _responsive_style_checks(fallback: str, manage: str) -> tuple[str, ...]:
    return present(
        f"Open {prose.code(manage or RESPONSIVE)}: group, breakpoints and fallback must be as specified.",
        "Open a page with such a picture and look at its source: a `srcset` must name the derived pictures.",
        "Make the window narrow and wide, reload each time, and compare which picture the browser's network "
        "panel shows.",
        f"The `src` of the `img` element must be the style {prose.quoted(fallback, 80)}." if fallback else "",
    )


def _responsive_style_settings(
    entity: EntityPayload, breakpoints: list[str], fallback: str, group: str, styles: str
) -> tuple[str, ...]:
    return present(
        f"Breakpoint group: {prose.code(group)}" if group else "",
        f"Breakpoints: {prose.listed([prose.code(point, 60) for point in breakpoints])}" if breakpoints else "",
        f"Fallback image style: {prose.quoted(fallback, 80)}" if fallback else "",
        f"Image styles: {prose.inline(styles, 600)}" if styles else "",
        *notes(entity),
    )


def _responsive_style_steps(
    breakpoints: list[str], fallback: str, group: str, label: str, machine_name: str
) -> tuple[str, ...]:
    return present(
        f"At `{RESPONSIVE}/add`, add {prose.named(label, machine_name)}"
        f"{f' with the breakpoint group {prose.code(group)}' if group else ''}.",
        f"For the breakpoints {prose.listed([prose.code(point, 60) for point in breakpoints])}, choose the "
        "image styles named above."
        if breakpoints
        else "For each breakpoint, choose the image styles named above.",
        f"As fallback image style, choose {prose.quoted(fallback, 80)}." if fallback else "",
    )


def _responsive_style_decisions(
    breakpoints: list[str], fallback: str, group: str, machine_name: str, styles: str
) -> tuple[str, ...]:
    return present(
        cells.machine_name_decision(machine_name),
        "" if group else "The breakpoint group is not given.",
        "" if breakpoints else "The breakpoints are not given.",
        "" if fallback else "The fallback image style is not given.",
        "" if styles else "The image styles are not given.",
        "The cells list breakpoints and image styles, but not which style belongs to which breakpoint."
        if len(breakpoints) > 1 and styles
        else "",
    )


_NOTHING_LOST: Final = "Only the setting goes; pictures and image styles stay."

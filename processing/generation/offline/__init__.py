"""Tickets by rule: the provider that needs no model, no key and no network.

``write_ticket`` is all that others use. It reads the cells of one entity (and of the parts that its ticket takes in),
lets the writer of its CSV type draft the parts of a ticket, and composes them according to the X column. The same input
always gives the same words. A new CSV type is one writer and one line in ``WRITERS``.
"""

from typing import Final

from sessions_app.parsing.payload import EntityPayload

from .bundles import write_bundle
from .content import write_menu, write_view_mode
from .custom import write_custom
from .draft import SiteContext, TicketContent, Writer
from .fields import write_field
from .media import write_image_effect, write_image_style, write_responsive_style
from .migration import write_mapping, write_migration
from .roles import write_role
from .ticket import compose
from .views import write_display, write_view
from .workflow import write_state, write_transition, write_workflow

__all__ = ["WRITERS", "SiteContext", "TicketContent", "write_ticket"]

WRITERS: Final[dict[str, Writer]] = {
    "bundles": write_bundle,
    "fields": write_field,
    "view_modes": write_view_mode,
    "menus": write_menu,
    "image_styles": write_image_style,
    "image_effects": write_image_effect,
    "responsive_image_styles": write_responsive_style,
    "views": write_view,
    "view_displays": write_display,
    "migrations": write_migration,
    "migration_mappings": write_mapping,
    "workflows": write_workflow,
    "workflow_states": write_state,
    "workflow_transitions": write_transition,
    "user_roles": write_role,
    "custom": write_custom,
}


def write_ticket(entity: EntityPayload, site: SiteContext) -> TicketContent:
    """One ticket for one entity, with its children as parts of it. An unknown type gets an honest ticket, too."""
    draft = WRITERS.get(entity["type"], write_custom)(entity, site)
    parts = [(child, WRITERS.get(child["type"], write_custom)(child, site)) for child in entity["children"]]
    return compose(entity, site, draft, parts)

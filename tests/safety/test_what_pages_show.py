"""CHECKLIST 34, 36: every text of every row may be a stranger's, and no page and no spreadsheet does what it says.

Rows are overwritten field by field, as the models list them: a field that is added is tried without a word here.
"""

import contextlib
import csv
import io
import uuid

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from processing.enhancement.models import Asset, ContextItem, EnhancementAttempt, KnowledgeArticle, ResolvedTicket
from processing.models.encrypted import EncryptedTextField
from sessions_app.models import AuditEvent, DuplicateDecision, Session
from sessions_app.safe_csv import formula_safe
from tests.sessions_app.test_pages import MARK, Page, dangers
from tests.test_access import ALL, Bound, SignedIn, World, paths

pytestmark = pytest.mark.django_db

APPS = ("sessions_app", "processing", "enhancement", "assessment")
OURS = {
    "provider": "looked up in a list of ours",
    "csv_type": "looked up in a list of ours",
    "entity_group": "looked up in a list of ours",
    "prompt_version": "looked up in a list of ours",
    "purpose": "looked up in a list of ours",
    "encoding": "looked up in a list of ours",
    "delimiter": "looked up in a list of ours",
    "rule": "a number of ours",
    "slug": "a part of an address, of letters and digits by its field",
    "url": "web addresses only, by the door that takes it",
    "base_url": "web addresses only, by its form",
    "remote_url": "web addresses only, by the module that reads the answer",
    "object_id": "says whose the row is",
    "object_type": "a name of ours",
    "mapping": "names of columns, by the import",
    "sections": "names of sections, by the form",
    "filters": "names of filters, by the form",
    "labels": "of figures, not of pages",
    "changes": "ids and states",
    "only": "ids",
}
"""Fields that no stranger can write anything into, and why."""
KEPT_KEYS = {"section", "kind", "state", "status", "code", "from", "to", "variant", "level", "item", "start", "session"}
"""Places inside of JSON that hold words of ours."""
PAYLOADS = [
    f"'\"><img src=x onerror={MARK}()>",
    f'" autofocus onfocus={MARK}() x="',
    f"[{MARK}](javascript:{MARK}()) <svg onload={MARK}()>",
    f"</script></title></textarea><script>{MARK}()</script>",
]


def strange(value, payload):
    """The value with every text in it replaced."""
    if isinstance(value, dict):
        return {key: each if key in KEPT_KEYS else strange(each, payload) for key, each in value.items()}
    if isinstance(value, list):
        return [strange(each, payload) for each in value]
    return payload if isinstance(value, str) and not _is_id(value) else value


def _is_id(text):
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


def fields_of(model):
    for field in model._meta.concrete_fields:
        is_text = isinstance(field, models.CharField | models.TextField | models.JSONField)
        is_ours = field.choices or field.primary_key or isinstance(field, EncryptedTextField) or field.name in OURS
        if is_text and not is_ours and not field.name.endswith(("hash", "hint", "digest", "sha256")):
            yield field


def overwrite(payload):
    """Every text of every row of ours; returns how many. What the database itself refuses, nobody has written."""
    found = 0
    for model in (each for app in APPS for each in apps.get_app_config(app).get_models()):
        if not model._meta.managed or model._meta.model_name == "sessionbundle":  # its name is a file's
            continue
        for number, row in enumerate(model._default_manager.all()):
            for field in fields_of(model):
                value = strange(getattr(row, field.attname), payload)
                if not isinstance(field, models.JSONField):
                    value = f"{number:02}{payload}"[: field.max_length]
                with contextlib.suppress(IntegrityError), transaction.atomic():
                    found += model._default_manager.filter(pk=row.pk).update(**{field.attname: value})
    return found


def furnish(world):
    """What the world of the access tests has no row of."""
    workspace, run = world.workspace, world.enhanced
    for number, kind in enumerate(("ticket", "article", "asset"), start=1):
        ContextItem.objects.create(
            enhancement=run, kind=kind, label=f"C{number}", position=number, external_id="1", title="x", excerpt="x",
            details={"resolution": "x", "owner": "x"}, matched=["x"],
        )  # fmt: skip
    EnhancementAttempt.objects.create(
        enhancement=run, number=1, error_message="x", worker="x", started_at=timezone.now()
    )
    ResolvedTicket.objects.create(workspace=workspace, external_id="1", title="x")
    KnowledgeArticle.objects.create(workspace=workspace, external_id="1", title="x")
    Asset.objects.create(workspace=workspace, external_id="1", name="x")
    AuditEvent.record("ticket.approve", world.ticket, by=None, details={"reason": "x"})
    first, second = world.session.tickets.order_by("number")[1:3]
    DuplicateDecision.objects.create(session=world.session, first=first, second=second, verdict="kept")
    world.session.tickets.filter(status="draft").update(rejection_reason="x")


def is_plot(danger):
    """The drawing of scores, with a label and nothing that could act."""
    tag, attributes = danger[:2]
    return tag == "svg" and set(attributes) == {"viewbox", "width", "height", "role", "aria-labelledby"}


SHOWN = [each for each in ALL if isinstance(each.rule, Bound) and "GET" in each.rule.methods and not each.is_api]
LISTS = [each for each in ALL if isinstance(each.rule, SignedIn) and each.name.startswith(("sessions", "enh", "ass"))]
PARTS = {
    "runs:run": ("?part=status",),
    "exports:page": ("?part=status",),
    "assessments:detail": ("?part=status",),
    "enhancement:detail": ("?part=body",),
    "enhancement:library": ("?kind=articles", "?kind=assets"),
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_any_row_acts_on_any_page(payload, people, redis):
    world = World(people.workspace, people.alice)
    furnish(world)
    assert overwrite(payload) > 150
    get_user_model().objects.filter(pk=people.vera.pk).update(username=payload[:150])
    alice, shown = people.browser("alice"), 0
    addresses = [
        path + part for each in SHOWN for path in paths(each, world.values) for part in ("", *PARTS.get(each.name, ()))
    ]
    addresses += [each.path({}) for each in LISTS if "<" not in each.route] + ["/workspaces/", "/removed-sessions/"]
    for path in addresses:
        answer = alice.get(path)
        assert answer.status_code < 500, path
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            found = [each for each in dangers(Page(answer)) if not is_plot(each)]
            assert not found, f"{path}: {found}"
            shown += MARK in answer.content.decode()
    assert shown > 40, f"only {shown} pages show it at all"


FORMULA = "=cmd|' /C calc'!A0"
DOWNLOADS = ("file", "-rows", "report")


def cells_of(answer):
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return [cell for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")) for cell in row]


def test_no_cell_of_any_download_is_a_formula(people, redis):
    world = World(people.workspace, people.alice)
    furnish(world)
    overwrite(FORMULA)
    AuditEvent.objects.update(object_name=FORMULA, user_name=FORMULA, details={})
    Session.objects.filter(pk=world.session.pk).update(site_name=FORMULA)
    browser, seen = people.browser("alice"), 0
    tables = [path for each in SHOWN if each.name.endswith(DOWNLOADS) for path in paths(each, world.values)]
    for path in tables:
        answer = browser.get(path)
        if answer.headers.get("Content-Type", "").startswith("text/csv"):
            cells = cells_of(answer)
            assert not [cell for cell in cells if formula_safe(cell) != cell], path
            seen += any("cmd|" in cell for cell in cells)
    assert seen >= 5, f"{seen} of {len(tables)} tables hold it at all"

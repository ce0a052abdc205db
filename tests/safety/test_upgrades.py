"""CHECKLIST 62, 65: a version can be put in beside the one before, taken back, and holds what was pinned."""

import re
import tomllib
from pathlib import Path

import pytest
from django.db import models
from django.db.migrations import AddField, AlterField, CreateModel, RemoveField, RunPython, RunSQL
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parents[2]
APPS = ("sessions_app", "processing", "enhancement", "assessment")
FIRST = {
    "sessions_app": "0001_squashed_0007_token_use",
    "processing": "0002_metrics_by_addition",
    "enhancement": "0002_search",
    "assessment": "0001_batches",
}
"""What the first version brings: nothing runs beside it. Later migrations meet servers of the version before."""

LOADER = MigrationLoader(None)
OURS = [
    pytest.param(migration, id=f"{app}.{name}")
    for (app, name), migration in sorted(LOADER.disk_migrations.items())
    if app in APPS
]


def hindrances(operations):
    """What the code of the version before could not live with: it knows nothing of a new column, and still reads and
    writes an old one.
    """
    made = {each.name_lower for each in operations if isinstance(each, CreateModel)}
    for each in operations:
        model = getattr(each, "model_name_lower", "")
        if type(each).__name__ in ("RenameField", "RenameModel", "DeleteModel"):
            yield f"{each.describe()}: the version before looks for it; add the new one, and remove the old one later"
        elif isinstance(each, RemoveField) and model not in made:
            yield f"{each.describe()}: stop using it in one version, remove it in the next"
        elif isinstance(each, AddField | AlterField) and model not in made:
            field = each.field
            is_filled = field.null or field.has_db_default() or isinstance(field, models.ManyToManyField)
            if isinstance(each, AddField) and not is_filled:
                yield f"{each.describe()}: the version before does not fill it; give it null or db_default"


@pytest.mark.parametrize("migration", OURS)
def test_a_migration_can_be_taken_back(migration):
    for operation in migration.operations:
        assert operation.reversible, operation.describe()


@pytest.mark.parametrize("migration", OURS)
def test_the_version_before_runs_on_the_new_schema(migration):
    is_later = migration.name > FIRST[migration.app_label]
    assert not is_later or not list(hindrances(migration.operations))


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (AddField("ticket", "new", models.TextField(default="")), "db_default"),
        (RemoveField("ticket", "title"), "remove it in the next"),
    ],
)
def test_the_rule_finds_what_it_is_for(operation, words):
    [found] = hindrances([operation])
    assert words in found
    assert not list(hindrances([AddField("ticket", "new", models.TextField(null=True))]))
    assert not list(hindrances([AddField("ticket", "new", models.TextField(db_default=""))]))
    assert not RunPython(lambda *_: None).reversible
    assert not RunSQL("SELECT 1").reversible


def pinned(name):
    """{package: version}; each has to have a version and a digest."""
    found = {}
    for block in re.split(r"\n(?=\S)", (ROOT / name).read_text().strip()):
        package, version = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", block).groups()
        assert "--hash=sha256:" in block, f"{package} in {name} has no digest"
        found[package.lower().replace("_", "-")] = version
    return found


def test_every_package_is_pinned_by_version_and_digest():
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?:==([^\s;]+))?", each).groups() for each in asked]
    product, development = pinned("requirements.txt"), pinned("requirements-dev.txt")

    for package, version in wanted:
        assert product[package.lower().replace("_", "-")] == (version or product[package.lower()])
    assert product.items() <= development.items(), "what is tested is what is installed"

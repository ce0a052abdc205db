"""``manage.py generate`` as a script uses it: a process of its own, with nothing running and nothing set."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest

from sessions_app.views.sample import SAMPLE
from tests.factories import BUNDLE_HEADERS, as_csv, bundles, fields
from tests.processes import ROOT

pytestmark = pytest.mark.integration


def generate(*arguments, **environment):
    """Run the command with neither REDIS_URL nor DATABASE_URL."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("REDIS_URL", "DATABASE_URL", "TICKETGEN_VAR_DIR")
    }
    return subprocess.run(
        [sys.executable, "manage.py", "generate", *map(str, arguments)],
        cwd=ROOT,
        env={**clean, "DJANGO_SETTINGS_MODULE": "ticketgen.settings", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def specification(tmp_path):
    folder = tmp_path / "specification"
    folder.mkdir()
    (folder / "Bundles.csv").write_bytes(bundles(2))
    (folder / "Fields.csv").write_bytes(fields(3, 2))
    return folder


def test_json_of_the_sample_holds_every_ticket_in_order(tmp_path):
    output = tmp_path / "backlog.json"
    done = generate(SAMPLE, "--site-name", "Northfield", "--format", "json", "--output", output)

    assert done.returncode == 0, done.stderr
    backlog = json.loads(output.read_text())
    assert backlog["session"]["site_name"] == "Northfield"
    assert len(backlog["tickets"]) == 83
    assert [ticket["position"] for ticket in backlog["tickets"]] == list(range(1, 84))
    wanted = {
        "key",
        "csv_type",
        "entity_group",
        "title",
        "user_story",
        "analysis",
        "verification",
        "facts",
        "csv_source",
    }
    assert wanted | {"depends_on", "position"} <= set(backlog["tickets"][0])
    position = {ticket["key"]: ticket["position"] for ticket in backlog["tickets"]}
    for ticket in backlog["tickets"]:
        assert all(position[key] < ticket["position"] for key in ticket["depends_on"])


def test_markdown_goes_to_a_file_a_folder_or_a_zip(specification, tmp_path):
    (tmp_path / "tickets").mkdir()
    for target in ("backlog.md", "tickets", "backlog.zip"):
        assert generate(specification, "--site-name", "S", "--output", tmp_path / target).returncode == 0

    assert (tmp_path / "backlog.md").read_text().count("## User story") == 5
    assert len(list((tmp_path / "tickets").glob("*.md"))) == 5
    assert len(zipfile.ZipFile(tmp_path / "backlog.zip").namelist()) == 5


def test_a_dash_writes_to_standard_output(specification):
    done = generate(specification, "--site-name", "S", "--format", "csv", "--output", "-", "--quiet")

    rows = list(csv.reader(io.StringIO(done.stdout.removeprefix("\ufeff"))))
    assert len(rows) == 6
    assert done.stderr == ""


def test_per_parent_there_is_one_ticket_per_bundle(specification, tmp_path):
    output = tmp_path / "backlog.json"
    generate(specification, "--site-name", "S", "--granularity", "parent", "--format", "json", "--output", output)

    assert len(json.loads(output.read_text())["tickets"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.csv", "--site-name", "S", "--output", "x.md"], "no such file"),
        (["{folder}/empty", "--site-name", "S", "--output", "x.md"], "holds no CSV"),
        (["{folder}/refused.csv", "--site-name", "S", "--output", "x.md"], "refused.csv: The file is empty"),
        (["{folder}/specification", "--site-name", "S", "--output", "/no/such/folder/x.md"], "is not a folder"),
        (["{folder}/specification", "--site-name", "S", "--format", "json", "--output", "{folder}"], "is a folder"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line_and_exits_with_2(specification, tmp_path, arguments, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "refused.csv").write_bytes(b"")
    done = generate(*(argument.format(folder=tmp_path) for argument in arguments))

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_useless_file_in_a_folder_is_left_out_with_a_word(specification, tmp_path):
    (specification / "Migrations.csv").write_bytes(as_csv(["Migration name", "Source", "Destination"], []))
    done = generate(specification, "--site-name", "S", "--format", "json", "--output", tmp_path / "backlog.json")

    assert done.returncode == 0
    assert "Migrations.csv is left out" in done.stderr


def test_nothing_of_it_is_left_behind(specification, tmp_path):
    (tmp_path / "tmp").mkdir()
    generate(specification, "--site-name", "S", "--output", tmp_path / "b.md", TMPDIR=str(tmp_path / "tmp"))

    assert list((tmp_path / "tmp").iterdir()) == []


def test_cells_of_strangers_stay_text(tmp_path):
    hostile = as_csv(
        BUNDLE_HEADERS, [["<script>alert(1)</script>", "article", "Content type", "=cmd|' /C calc'!A0", "a"]]
    )
    (tmp_path / "Bundles.csv").write_bytes(hostile)
    generate(tmp_path / "Bundles.csv", "--site-name", "S", "--format", "csv", "--output", tmp_path / "out.csv")

    cells = [cell for row in csv.reader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines()) for cell in row]
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in cells)

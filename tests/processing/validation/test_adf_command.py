"""``manage.py adf``: one line of JSON per file, whatever the file is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[3]


def run(*files: object) -> tuple[list[dict], int]:
    """The lines and the exit status."""
    out = io.StringIO()
    try:
        call_command("adf", *map(str, files), stdout=out)
    except SystemExit as end:
        return [json.loads(line) for line in out.getvalue().splitlines()], int(end.code or 0)
    return [json.loads(line) for line in out.getvalue().splitlines()], 0


def test_each_file_has_its_line(tmp_path):
    for name, text in {"a.md": "# A\n", "b.md": "\ufeffb\r\nc"}.items():
        (tmp_path / name).write_bytes(text.encode())

    lines, status = run(tmp_path / "a.md", tmp_path / "b.md")

    assert status == 0
    assert [(line["file"], line["valid"], line["problems"]) for line in lines] == [
        (str(tmp_path / "a.md"), True, []),
        (str(tmp_path / "b.md"), True, []),
    ]
    assert lines[1]["adf"]["content"] == [{"type": "paragraph", "content": [{"type": "text", "text": "b c"}]}]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("latin.md", "café".encode("latin-1"), "not_utf8"),
        ("utf16.md", "a".encode("utf-16"), "not_utf8"),
        ("missing.md", None, "not_readable"),
        (".", None, "not_readable"),
        ("nul\0.md", None, "not_readable"),
        ("x" * 300, None, "not_readable"),
    ],
)
def test_what_cannot_be_read_is_a_line_too_and_the_others_go_on(tmp_path, name, data, kind):
    (tmp_path / "good.md").write_text("good")
    if data:
        (tmp_path / name).write_bytes(data)

    lines, status = run(tmp_path / name, tmp_path / "good.md")

    assert status == 1
    assert [line["valid"] for line in lines] == [False, True]
    assert lines[0]["adf"] is None
    assert [problem["kind"] for problem in lines[0]["problems"]] == [kind]


def test_a_text_that_is_too_long_is_valid_and_says_so(tmp_path):
    (tmp_path / "long.md").write_text("word " * 9000)

    (line,), status = run(tmp_path / "long.md")

    assert (status, line["valid"]) == (0, True)
    assert [(each["kind"], each["blocking"]) for each in line["problems"]] == [("too_long", False)]


@pytest.mark.integration
def test_standard_input_and_no_traceback_when_nobody_reads():
    command = [sys.executable, "manage.py", "adf"]

    done = subprocess.run([*command, "-"], input=b"*a*", capture_output=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["adf"]["content"][0]["content"][0]["marks"] == [{"type": "em"}]

    process = subprocess.Popen(
        [*command, *["-"] * 9], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()

"""CHECKLIST 66: what the source may not hold. Bandit, and rules of our own over the syntax tree and the templates."""

import ast
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for app in ("sessions_app", "processing", "ticketgen")
    for path in sorted((ROOT / app).rglob("*.py"))
    if "migrations" not in path.parts
]
TEMPLATES = sorted(
    path for folder in ("templates", "sessions_app", "processing") for path in (ROOT / folder).rglob("*.html")
)
DOORS = [path for path in SOURCES if {"views", "api"} & set(path.parts)] + [ROOT / "processing" / "consumers.py"]

SAFE_STRINGS = {"sessions_app/markdown.py", "processing/validation/html.py"}
"""Where text becomes markup: cleaned or escaped in the line before, with tests that no text gets through."""
NEVER = {
    "eval": "runs what it is given",
    "exec": "runs what it is given",
    "csrf_exempt": "webhooks are DRF views with their own signature",
    "RawSQL": "raw SQL",
    "format_html_join": "say it in a template",
}
TENANTS = {
    *("Session", "Ticket", "UploadedFile", "SessionTask", "ExportRecord", "TrackerConnection", "TicketProposal"),
    *("SavedView", "Invitation", "Membership", "TicketComment", "BulkChange", "SessionBundle", "WebhookSecret"),
    *("AssessmentBatch", "ComparisonPair", "WebhookTarget", "EventDelivery", "EnhancementHistory", "Suggestion"),
    *("WriteBack", "ContextItem", "Synthesis", "ResolvedTicket", "KnowledgeArticle", "Asset", "ProviderSettings"),
}
"""Rows of workspaces: a door looks them up through the workspace, never by the id alone."""

SQL_BY_HAND = {"processing/backups.py", "processing/enhancement/search.py", "processing/enhancement/library.py"}
"""Where SQL is put together, of names of ours; values are always parameters."""
UNSAID = re.compile(
    r"\b(token|secret|password|passwd|credentials|api_key|authorization)\b(?!_)|\.reveal\(", re.IGNORECASE
)
CALLS_OUT = re.compile(
    r"(requests|httpx2?)\.(get|post|put|patch|delete|head|request|stream)|(.*\.)?(urlopen|create_connection)"
)


def named(path):
    return path.relative_to(ROOT).as_posix()


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            yield node, function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def findings(path, source=None):
    """``line: what`` for each broken rule."""
    tree = ast.parse(source if source is not None else path.read_text())
    for node, name in calls(tree):
        is_own = isinstance(node.func, ast.Attribute) and name in {"eval", "exec"}  # Redis has commands of this name
        if name in {"raw", "extra"} and ".objects" in ast.unparse(node.func):
            yield f"{node.lineno}: raw SQL"
        if name in NEVER and not is_own:
            yield f"{node.lineno}: {name} ({NEVER[name]})"
        if name in {"mark_safe", "SafeString"} and named(path) not in SAFE_STRINGS:
            yield f"{node.lineno}: {name} outside of {SAFE_STRINGS}"
        if any(each.arg == "shell" and getattr(each.value, "value", None) is True for each in node.keywords):
            yield f"{node.lineno}: a shell"
        if name in {"execute", "executemany"} and is_put_together(node) and named(path) not in SQL_BY_HAND:
            yield f"{node.lineno}: SQL that is put together"
        if CALLS_OUT.fullmatch(ast.unparse(node.func)) and not any(each.arg == "timeout" for each in node.keywords):
            yield f"{node.lineno}: a call without an end"
        if re.fullmatch(r"(self\.)?_?log(ger)?\.\w+|logging\.\w+", ast.unparse(node.func)) and tells(node):
            yield f"{node.lineno}: a secret in the log"
        if name in {"get", "get_object_or_404"} and path in DOORS:
            yield from unfiltered(node, name)
    for node in ast.walk(tree):
        names = [each.name for each in getattr(node, "names", [])] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (f"{node.lineno}: {each}" for each in names if each.split(".")[0] in {"pickle", "marshal", "shelve"})


def is_put_together(node):
    """The statement is an f-string, a sum, a ``%`` or a ``format``."""
    sql = node.args[0] if node.args else None
    by_format = isinstance(sql, ast.Call) and isinstance(sql.func, ast.Attribute) and sql.func.attr == "format"
    return by_format or isinstance(sql, ast.BinOp) or (isinstance(sql, ast.JoinedStr) and len(sql.values) > 1)


def tells(node):
    """A value of the line, not its words, is one that nobody may read."""
    values = [*node.args, *(each.value for each in node.keywords)]
    return any(UNSAID.search(ast.unparse(each)) for each in values if not isinstance(each, ast.Constant))


def unfiltered(node, name):
    """``Ticket.objects.get(pk=…)`` and ``get_object_or_404(Ticket, pk=…)``, with nothing about the workspace."""
    target = node.func.value if name == "get" and isinstance(node.func, ast.Attribute) else (node.args or [None])[0]
    text = ast.unparse(target) if target is not None else ""
    keys = " ".join(str(each.arg) for each in node.keywords)
    if re.fullmatch(rf"({'|'.join(TENANTS)})(\.objects)?", text) and not re.search(
        "session|workspace|ticket|enhancement|batch", keys
    ):
        yield f"{node.lineno}: {text} by its id alone"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_keeps_the_rules(path):
    assert not list(findings(path))


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "mark_safe(text)",
        "import pickle",
        "from pickle import loads",
        "subprocess.run('x', shell=True)",
        "get_object_or_404(Ticket, pk=ticket_id)",
        "Ticket.objects.get(pk=ticket_id)",
        "csrf_exempt(view)",
        "Session.objects.raw('select')",
        "EnhancementHistory.objects.get(id=run_id)",
        "get_object_or_404(WebhookSecret, pk=secret_id)",
        "cursor.execute(f'SELECT {name}')",
        "cursor.execute('SELECT ' + name)",
        "cursor.execute('SELECT %s' % name)",
        "cursor.execute('SELECT {}'.format(name))",
        "requests.get(url)",
        "httpx2.post(url, json={})",
        "urllib.request.urlopen(url)",
        "socket.create_connection(address)",
        "logger.info('asked with %s', token)",
        "logger.warning(f'{row.secret.reveal()}')",
        "logging.debug('%s', request.headers['Authorization'])",
    ],
)
def test_the_rules_find_what_they_are_for(line):
    assert list(findings(ROOT / "sessions_app" / "views" / "tickets.py", line))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_a_template_escapes_everything_and_has_nothing_inline(path):
    text = path.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape\s+off|\|\s*safeseq", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>(?!\s*</script>)", text.replace("{{", "").replace("}}", "")) or (
        'type="application/json"' in text
    )
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "an inline handler"
    assert not re.search(r"\sstyle\s*=\s*[\"']", text), "an inline style"
    assert "javascript:" not in text


def test_every_form_that_posts_carries_its_token():
    for path in TEMPLATES:
        for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", path.read_text(), flags=re.S | re.I):
            assert "csrf_token" in form, named(path)


RUNS = (" ", "a", "a ", "_a", "(", "-", "\n", '"', "a,", "1.", "|", "*", "`", "[a](")


def patterns(path):
    """(line, pattern) of what is compiled from a literal."""
    for node, name in calls(ast.parse(path.read_text())):
        literal = getattr(node.args[0], "value", None) if name == "compile" and node.args else None
        if isinstance(literal, str) and ast.unparse(node.func) == "re.compile":
            yield node.lineno, re.compile(literal)


def seconds_over(pattern, text):
    """Of the processor. The shortest of three, where one is long: what the interpreter does meanwhile counts too."""
    found = []
    while len(found) < 3 and (not found or found[-1] >= 0.5):
        started = time.process_time()
        list(pattern.finditer(text))
        pattern.match(text)
        found.append(time.process_time() - started)
    return min(found)


def test_no_pattern_takes_long_over_a_run_of_one_character():
    """CHECKLIST 30: what grows with the cube of a text takes hours over a stranger's cell of a few thousand spaces."""
    for path in SOURCES:
        for line, pattern in patterns(path):
            for run in RUNS:
                assert seconds_over(pattern, f"x{run * 400}#\x01") < 0.5, f"{named(path)}:{line} over {run!r}"


def test_bandit_finds_nothing_of_weight():
    command = [
        sys.executable,
        "-m",
        "bandit",
        "-q",
        "-r",
        "sessions_app",
        "processing",
        "ticketgen",
        "-f",
        "json",
        "-ll",
    ]
    ran = subprocess.run(
        [*command, "-s", "B608"],  # ruff asks for a reason beside each line of SQL (S608)
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = [
        f"{each['filename']}:{each['line_number']} {each['test_id']}" for each in json.loads(ran.stdout)["results"]
    ]
    found = [
        each for each in found if not any(safe in each and each.endswith(("B308", "B703")) for safe in SAFE_STRINGS)
    ]
    assert not found

"""``manage.py fake_tracker``: try an export without a Jira or a GitHub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from processing.export.fakes.github import FakeGitHub
from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import FAULTS, Behaviour


class Command(BaseCommand):
    """Also as ``fake_jira`` and ``fake_github``."""

    help = (
        "A tracker on loopback that remembers what it is told until it ends, or for good with --memory: Jira, or "
        "GitHub with --github. As strict as the real one, and it misbehaves on request. /stats says what came."
    )
    requires_system_checks: list[str] = []
    github_by_default = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--github", action="store_true", default=self.github_by_default)
        parser.add_argument("--port", type=int, default=8090)
        parser.add_argument("--project", default="", help="key (Jira) or owner/repository (GitHub)")
        parser.add_argument("--account", default="me@example.org", help="Jira: the only account that is let in")
        parser.add_argument("--token", default="", help="the only token that is let in; empty: any")
        parser.add_argument("--require", action="append", default=[], help="Jira: a further required field, as id=Name")
        parser.add_argument("--latency", type=float, default=0.1, help="seconds per answer")
        parser.add_argument("--lag", type=float, default=0.0, help="seconds until a search finds what was made")
        parser.add_argument("--retry-after", type=float, default=1.0, help="seconds, in answers that ask to slow down")
        parser.add_argument("--memory", type=Path, help="file that keeps what was written, also if this is killed")
        for fault in FAULTS:
            parser.add_argument(
                f"--rate-{fault}", type=float, default=0.0, help=f"share of writes with “{fault}”, 0 to 1"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        rates = {fault: options[f"rate_{fault.replace('-', '_')}"] for fault in FAULTS}
        behaviour = Behaviour(options["latency"], options["lag"], options["retry_after"], rates)
        if options["github"]:
            tracker: FakeGitHub | FakeJira = FakeGitHub(
                behaviour, project=options["project"] or "acme/site", token=options["token"]
            )
        else:
            tracker = FakeJira(
                behaviour,
                project=options["project"] or "ABC",
                account=options["account"],
                token=options["token"],
                required=dict(each.split("=", 1) for each in options["require"] if "=" in each),
            )
        if options["memory"]:
            tracker.remember_in(options["memory"])
        account = "" if options["github"] else f", account {options['account']}"

        def say(address: str) -> None:
            self.stdout.write(
                f"Listening. Add a connection: address {address}, project {tracker.project}{account}, "
                f"token {options['token'] or 'anything'}."
            )
            self.stdout.flush()  # it may go into a file, and the next word comes when this ends

        tracker.serve_until_interrupted(options["port"], say)
        self.stdout.write(f"Ended with {len(tracker.issues)} issues.")

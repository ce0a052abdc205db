"""``manage.py fake_servicedesk``: try the write-back without a ServiceDesk Plus, and send tickets as one would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from processing.enhancement.writeback.fake import FakeServiceDesk
from processing.export.fakes.server import FAULTS, Behaviour


class Command(BaseCommand):
    help = (
        "A ServiceDesk Plus on loopback that remembers notes until it ends, and misbehaves on request. /stats says "
        "what came."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8091)
        parser.add_argument("--token", default="", help="the only key that is let in; empty: any")
        parser.add_argument("--cloud", action="store_true", help="as the cloud's interface")
        parser.add_argument("--latency", type=float, default=0.1, help="seconds per answer")
        parser.add_argument("--retry-after", type=float, default=1.0, help="seconds, in answers that ask to slow down")
        parser.add_argument("--memory", type=Path, help="file that keeps what was written, also if this is killed")
        for fault in FAULTS:
            parser.add_argument(
                f"--rate-{fault}", type=float, default=0.0, help=f"share of writes with “{fault}”, 0 to 1"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        rates = {fault: options[f"rate_{fault.replace('-', '_')}"] for fault in FAULTS}
        behaviour = Behaviour(options["latency"], 0.0, options["retry_after"], rates)
        desk = FakeServiceDesk(behaviour, token=options["token"], cloud=options["cloud"])
        if options["memory"]:
            desk.remember_in(options["memory"])

        def say(address: str) -> None:
            self.stdout.write(
                f"Listening. In the help desk's settings: address {address}, key {options['token'] or 'anything'}. "
                "Tickets are numbers."
            )
            self.stdout.flush()  # it may go into a file, and the next word comes when this ends

        desk.serve_until_interrupted(options["port"], say)
        self.stdout.write(f"Ended with {sum(map(len, desk.notes.values()))} notes.")

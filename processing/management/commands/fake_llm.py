"""``manage.py fake_llm``: try the whole flow with "a model" and without a key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from processing.llm.fake import FAULTS, Behaviour, FakeModelServer
from processing.llm.fake_batches import BATCH_FAULTS


class Command(BaseCommand):
    help = (
        "A model server on loopback that speaks OpenAI's and Anthropic's protocols, batches included, and misbehaves "
        "on request."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8089)
        parser.add_argument("--latency", type=float, default=0.5, help="seconds per answer")
        parser.add_argument("--fault", choices=FAULTS, default="", help="what goes wrong")
        parser.add_argument("--rate", type=float, default=1.0, help="share of calls that it happens to, 0 to 1")
        parser.add_argument("--retry-after", type=float, default=1.0, help="seconds, in answers that ask to slow down")
        parser.add_argument("--rpm", type=int, default=0, help="requests a minute before it answers 429; 0: no limit")
        parser.add_argument("--notes", type=Path, help="file that gets a line of JSON for each call")
        parser.add_argument("--batch-seconds", type=float, default=30.0, help="seconds until a batch is answered")
        parser.add_argument("--batch-fault", choices=BATCH_FAULTS, default="", help="what goes wrong with a batch")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("latency", "fault", "rate", "retry_after", "rpm", "batch_seconds", "batch_fault")
        try:
            behaviour = Behaviour(**{name: options[name] for name in names})
            asyncio.run(self._serve(FakeModelServer(behaviour, notes=options["notes"]), options["port"]))
        except KeyboardInterrupt:
            self.stdout.write("Ended.")

    async def _serve(self, server: FakeModelServer, port: int) -> None:
        address = f"http://127.0.0.1:{await server.start(port=port)}"
        self.stdout.write(
            f"OpenAI's protocol at {address}/v1, Anthropic's at {address}. For example:\n"
            f"  COMPATIBLE_BASE_URL={address}/v1 make run\n"
            f"  ANTHROPIC_BASE_URL={address} ANTHROPIC_API_KEY=any make run\n"
            f"  OPENAI_BASE_URL={address}/v1 OPENAI_API_KEY=any make run   # has batches: try the economy mode\n"
            "As a judge it has a truth, noise and biases: name the model fake:noise=0.5, fake:first=1, fake:longer=0.7 "
            "or fake:coin=1."
        )
        self.stdout.flush()  # it may go into a file, and the next word comes when this ends
        await server.serve_forever()

"""``manage.py check_llm``: can the model providers be used?"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.llm.keys import configured
from processing.llm.service import LLMService
from sessions_app.models import Workspace


class Command(BaseCommand):
    help = "Asks each model provider that is set up whether it answers, and says what is wrong where it does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG", help="with this workspace's own keys")
        parser.add_argument("--provider", choices=list(settings.LLM_PROVIDER_LABELS), help="only this one")
        parser.add_argument("--model", default="", help="with this model")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = None
        if slug := options["workspace"]:
            workspace = Workspace.objects.filter(slug=slug).first()
            if workspace is None:
                raise CommandError(f"There is no workspace “{slug}”.")
        names = [options["provider"]] if options["provider"] else ["offline", *sorted(configured(workspace))]
        unhealthy = 0
        for name in names:
            service = LLMService(default_provider=name, model=options["model"], workspace=workspace)
            health = service.validate_connectivity(fresh=True)
            good = health["status"] != "unhealthy"
            unhealthy += not good
            words = f"{health.get('model') or '-':30} {health.get('latency_ms', 0):>6} ms" if good else health["error"]
            self.stdout.write(f"{name:12} {self._styled(health['status'], good=good):10} {words}")
        if len(names) == 1 and not options["provider"]:
            self.stdout.write("No model has a key or an address; docs/configuration.md says how to give it one.")
        if unhealthy:
            raise CommandError(f"{unhealthy} of {len(names)} cannot be used.")

    def _styled(self, text: str, *, good: bool) -> str:
        return self.style.SUCCESS(text) if good else self.style.ERROR(text)

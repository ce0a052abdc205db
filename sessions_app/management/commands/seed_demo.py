"""``manage.py seed_demo``: a demo workspace, its user and the sample. Does nothing where there are users."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from sessions_app.actions import imports
from sessions_app.actions.sessions import create_session
from sessions_app.actions.workspaces import create_workspace
from sessions_app.views.sample import sample_files


class Command(BaseCommand):
    help = "Make a demo workspace, the user demo (password demo) and an imported sample specification."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("A demo account with a known password is refused in production.")
        users = get_user_model()
        if users.objects.exists():
            return
        user = users.objects.create_user("demo", "demo@example.org", "demo", is_staff=True, is_superuser=True)
        workspace = create_workspace("Demo workspace", owner=user)
        session = create_session(
            workspace,
            by=user,
            site_name="Northfield University",
            site_description="The public site of a mid-sized university: news, events, programmes and people.",
        )
        imports.keep(
            session, [imports.read_upload(imports.Upload(name, data)) for name, data in sample_files()], by=user
        )
        self.stdout.write("Made the demo workspace with the sample specification.")

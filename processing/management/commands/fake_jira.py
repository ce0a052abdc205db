"""``manage.py fake_jira``: :mod:`fake_tracker` as Jira."""

from .fake_tracker import Command as FakeTracker


class Command(FakeTracker):
    """The same, by another name."""

    github_by_default = False

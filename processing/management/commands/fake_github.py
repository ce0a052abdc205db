"""``manage.py fake_github``: :mod:`fake_tracker` as GitHub."""

from .fake_tracker import Command as FakeTracker


class Command(FakeTracker):
    """The same, by another name."""

    github_by_default = True

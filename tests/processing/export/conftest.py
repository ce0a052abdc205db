"""The trackers that do as they should."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processing.export.fakes.github import FakeGitHub
from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import FakeTracker
from tests.processing.export.trackers import running


@pytest.fixture
def jira() -> Iterator[FakeTracker]:
    with running(FakeJira()) as tracker:
        yield tracker


@pytest.fixture
def github() -> Iterator[FakeTracker]:
    with running(FakeGitHub()) as tracker:
        yield tracker

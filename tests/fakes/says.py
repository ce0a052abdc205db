"""A server that answers the same to everything: for those that have to understand whatever is said."""

from __future__ import annotations

from processing.export.fakes.server import FakeTracker, Reply, Request


class Says(FakeTracker):
    """``reply``: what it says."""

    project = "ABC"
    reply = Reply(200, {})

    def serve(self, request: Request) -> Reply:
        return self.reply

    def is_write(self, request: Request) -> bool:
        return False

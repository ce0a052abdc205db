"""Models, asked for many tickets at once: one loop and one client for each of them, as long as a worker's turn takes.

A loop, a client and its connections of its own cost a ticket as much as all the rest of asking.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Final

from processing.engine import questions
from processing.engine.conversation import Conversation, conversation
from processing.engine.questions import Answered
from processing.llm.base import Question
from processing.llm.service import LLMService
from sessions_app.errors import WrongState

from .models import EnhancementHistory, HelpDesk

CALLS: Final = 2
"""To a model per attempt: one, and one to repair its answer."""


class Models:
    """May be asked from any thread. What a workspace has set is read once a turn."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._lock = threading.Lock()
        self._services: dict[tuple[uuid.UUID, str, str], LLMService] = {}

    def ask(self, run: EnhancementHistory, desk: HelpDesk, question: Question, seconds: float) -> Answered:
        """The answer to one question about a ticket. Raises as ``questions.ask`` does, and WrongState once the turn is
        over.
        """
        service = self._service(run, desk)
        key = f"enhancement:{run.job_id}"
        asked = {key: question}
        try:
            answers = questions.ask(
                service, run.workspace, asked, task_id=run.pk, attempts=CALLS, seconds=seconds, talk=self._talk
            )
        except CancelledError:  # the worker was stopped, and has given the ticket back
            raise WrongState("The turn of this worker is over.") from None
        return answers[key]

    def _service(self, run: EnhancementHistory, desk: HelpDesk) -> LLMService:
        name = (run.workspace_id, desk.provider, desk.llm_model)
        with self._lock:
            if name not in self._services:
                made = LLMService(default_provider=desk.provider, model=desk.llm_model, workspace=run.workspace)
                made.provider()  # here and once, not by two threads
                self._services[name] = made
            return self._services[name]

    def close(self) -> None:
        """Whoever still waits for an answer has lost the ticket."""
        with self._lock:
            made = list(self._services.values())
        self._talk.hang_up(*(service.close() for service in made))


@contextmanager
def models() -> Iterator[Models]:
    with conversation() as talk:
        asked = Models(talk)
        try:
            yield asked
        finally:
            asked.close()

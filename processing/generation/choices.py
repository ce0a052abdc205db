"""What a session chooses of models, in the engine's words."""

from __future__ import annotations

from typing import Any

from processing.llm.base import Manner
from processing.llm.service import LLMService
from processing.models import SessionTask
from sessions_app.models import Session


def choices_of(session: Session) -> dict[str, Any]:
    """What a run keeps of its session's choices, as they are at its start (``SessionTask.choices``)."""
    return {
        "prompt_version": session.prompt_version,
        "language": session.language,
        "temperature": None if session.temperature is None else float(session.temperature),
        "fallbacks": session.fallbacks,
    }


def service_of_session(session: Session) -> LLMService:
    """The models that the session has chosen now."""
    return _service(session, session.llm_provider_choice, session.llm_model, choices_of(session))


def service_of_task(task: SessionTask) -> LLMService:
    """The models that were chosen when the run was started."""
    return _service(task.session, task.provider or "offline", task.llm_model, task.choices)


def _service(session: Session, provider: str, model: str, choices: dict[str, Any]) -> LLMService:
    return LLMService(
        default_provider=provider,
        model=model,
        workspace=session.workspace,
        manner=Manner(choices.get("prompt_version", ""), choices.get("language", "en"), choices.get("temperature")),
        fallbacks=[(each["provider"], each.get("model", "")) for each in choices.get("fallbacks", [])],
    )

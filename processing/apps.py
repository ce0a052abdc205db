from django.apps import AppConfig


class ProcessingConfig(AppConfig):
    name = "processing"
    verbose_name = "Processing"

    def ready(self) -> None:
        """Tell the room below which models there are."""
        from sessions_app import providers

        from .llm import keys, prompts

        providers.know(keys.configured, prompts.versions)

from django.apps import AppConfig


class ProcessingConfig(AppConfig):
    name = "processing"
    verbose_name = "Processing"

    def ready(self) -> None:
        """Tell the room below which models and pages there are."""
        from sessions_app import menu, providers

        from .llm import keys, prompts

        providers.know(keys.configured, prompts.versions)
        menu.add("workspace", "Models and money", "models:page", 10)
        menu.add("workspace", "Connections to trackers", "connections:page", 20)
        menu.add("workspace", "Webhooks", "webhooks:page", 30)

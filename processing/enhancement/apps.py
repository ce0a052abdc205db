from django.apps import AppConfig


class EnhancementConfig(AppConfig):
    name = "processing.enhancement"
    label = "enhancement"
    verbose_name = "Help desk"

    def ready(self) -> None:
        """Tell the rooms below which pages there are, and what the fake model answers."""
        from processing.llm import fake
        from sessions_app import menu

        from .synthesis import fake_answer

        menu.add("main", "Help desk", "enhancement:inbox", 20)
        menu.add("workspace", "Help desk settings", "enhancement:settings", 40)
        menu.add("ticket", "Find context for this ticket", "enhancement:from-ticket", 10)
        fake.WRITERS["claims"] = fake_answer

from django.apps import AppConfig


class AssessmentConfig(AppConfig):
    name = "processing.assessment"
    label = "assessment"
    verbose_name = "Comparative judgement"

    def ready(self) -> None:
        """Tell the rooms below which pages there are, and what the fake model answers."""
        from processing.llm import fake
        from sessions_app import menu

        from .judges.fake import judged, rated

        menu.add("main", "Assessments", "assessments:list", 20)
        menu.add("workspace", "Assessment events", "assessments:targets", 40)
        fake.WRITERS.update({"winner": judged, "testable": rated})

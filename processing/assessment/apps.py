from django.apps import AppConfig


class AssessmentConfig(AppConfig):
    name = "processing.assessment"
    label = "assessment"
    verbose_name = "Comparative judgement"

    def ready(self) -> None:
        """Tell the rooms below which pages and errors there are, and what the fake model answers."""
        from processing import notices
        from processing.llm import fake
        from sessions_app import menu

        from .judges.fake import judged, rated
        from .notices import of_assessments

        menu.add("main", "Assessments", "assessments:list", 20)
        menu.add("workspace", "Assessment events", "assessments:targets", 40)
        fake.WRITERS.update({"winner": judged, "testable": rated})
        if of_assessments not in notices.SOURCES:
            notices.SOURCES.append(of_assessments)

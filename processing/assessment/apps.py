from django.apps import AppConfig


class AssessmentConfig(AppConfig):
    name = "processing.assessment"
    label = "assessment"
    verbose_name = "Comparative judgement"

    def ready(self) -> None:
        """Tell the rooms below which pages there are."""
        from sessions_app import menu

        menu.add("main", "Assessments", "assessments:list", 20)
        menu.add("workspace", "Assessment events", "assessments:targets", 40)

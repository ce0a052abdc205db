"""What people enter to have texts compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from sessions_app import providers
from sessions_app.errors import AppError
from sessions_app.models import Session, Workspace

from .models.batches import LONGEST_TEXT, MOST_COMPARISONS, MOST_ITEMS
from .service import texts_of_csv, texts_of_paste

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

NOBODY = ""
WHERE = "Only what has a key is listed. An owner adds others on the page Models of the workspace."


class JudgesForm(forms.Form):
    """The question and who answers it. Models are those that one of the workspaces can use."""

    title = forms.CharField(label="Title", max_length=200)
    question = forms.CharField(
        label="Question",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What the better text does better. “Which essay argues more clearly?”",
    )
    provider = forms.ChoiceField(label="Model that judges", required=False, initial="offline", help_text=WHERE)
    llm_model = forms.CharField(label="Its name", max_length=120, required=False, help_text="Empty: the default.")
    second_provider = forms.ChoiceField(label="A second model", required=False)
    second_model = forms.CharField(label="Its name", max_length=120, required=False)
    people = forms.BooleanField(label="People of this workspace judge", required=False)
    outside = forms.BooleanField(label="An outside system judges, by signed callback", required=False)
    both_orders = forms.BooleanField(
        label="Ask models in both orders; a changed mind is a tie (twice the calls)", required=False
    )
    overlap = forms.IntegerField(
        label="Share of pairs that every judge gets, in percent",
        required=False,
        initial=0,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="With several judges: shows where they disagree.",
    )
    budget = forms.DecimalField(
        label="Limit of money in US dollars", required=False, min_value=0, max_digits=10, decimal_places=2
    )

    def __init__(self, *args: Any, workspaces: Iterable[Workspace], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = dict(pair for workspace in workspaces for pair in providers.offered(workspace))
        for name in ("provider", "second_provider"):
            self.fields[name].choices = [(NOBODY, "No model"), *usable.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.judges():
            raise forms.ValidationError("Choose somebody who judges: a model, people, or an outside system.")
        return cleaned

    def judges(self) -> list[dict[str, str]]:
        cleaned = self.cleaned_data
        chosen = [
            {"kind": "model", "provider": cleaned[provider], "model": cleaned.get(model, "").strip()}
            for provider, model in (("provider", "llm_model"), ("second_provider", "second_model"))
            if cleaned.get(provider)
        ]
        chosen += [{"kind": "person"}] if cleaned.get("people") else []
        chosen += [{"kind": "outside"}] if cleaned.get("outside") else []
        return chosen

    def values(self) -> dict[str, Any]:
        """As the service wants them, without the texts."""
        cleaned = self.cleaned_data
        return {
            "title": cleaned["title"],
            "question": cleaned["question"],
            "judges": self.judges(),
            "both_orders": cleaned["both_orders"],
            "overlap": (cleaned.get("overlap") or 0) / 100,
            "budget": cleaned.get("budget"),
        }


class RankingForm(JudgesForm):
    """The same, with how many comparisons."""

    adaptive = forms.BooleanField(
        label="Adaptive pairing: compare what is close (fewer comparisons; harder to check)", required=False
    )
    total_budget = forms.IntegerField(
        label="Comparisons",
        required=False,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_COMPARISONS)],
        help_text="Empty: all pairs of up to 15 texts, else 15 for each text.",
    )

    def values(self) -> dict[str, Any]:
        return {
            **super().values(),
            "adaptive": self.cleaned_data["adaptive"],
            "total_budget": self.cleaned_data.get("total_budget"),
        }


class TextsForm(RankingForm):
    """Texts from a box or a file."""

    workspace = forms.ModelChoiceField(Workspace.objects.none(), label="Workspace", empty_label=None)
    texts = forms.CharField(
        label="Texts",
        required=False,
        max_length=20_000_000,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="With a line of three dashes (---) between them.",
    )
    table = forms.FileField(
        label="Or a table",
        required=False,
        help_text=f"CSV with the columns id and text; title, writer and anchor_score if you have them. Up to "
        f"{MOST_ITEMS:,} texts of {LONGEST_TEXT:,} characters.",
    )

    def __init__(self, *args: Any, user: AbstractBaseUser | AnonymousUser, **kwargs: Any) -> None:
        mine = Workspace.objects.editable_by(user)
        super().__init__(*args, workspaces=mine, **kwargs)
        self.fields["workspace"].queryset = mine  # type: ignore[attr-defined]
        self.order_fields(["workspace", "title", "question", "texts", "table"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self._require_usable(cleaned)
        table = cleaned.get("table")
        try:
            self.items = texts_of_csv(table.read()) if table else texts_of_paste(cleaned.get("texts") or "")
        except AppError as error:
            self.add_error("table", error.message)
            return cleaned
        if not 2 <= len(self.items) <= MOST_ITEMS:
            said = f"It takes 2 to {MOST_ITEMS:,} texts; {len(self.items):,} were found."
            self.add_error("table" if table else "texts", said)
        names = [item["essay_id"] for item in self.items]
        if len(set(names)) < len(names):
            self.add_error("table", "An id is there twice.")
        if any(len(item["text_content"]) > LONGEST_TEXT for item in self.items):
            self.add_error("texts", f"A text has more than {LONGEST_TEXT:,} characters.")
        return cleaned

    def _require_usable(self, cleaned: dict[str, Any]) -> None:
        """Another workspace of this person may have a key that the chosen one has not."""
        workspace = cleaned.get("workspace")
        usable = {NOBODY, *dict(providers.offered(workspace))}
        for name in ("provider", "second_provider"):
            if workspace and cleaned.get(name, NOBODY) not in usable:
                self.add_error(name, f"{workspace.name} has no key for this model. {WHERE}")

    def values(self) -> dict[str, Any]:
        return {**super().values(), "items": self.items}


class AgainstForm(JudgesForm):
    """Two sessions' tickets about the same entities."""

    other = forms.ModelChoiceField(
        Session.objects.none(),
        label="Compare with",
        help_text="Another session with tickets of the same specification.",
    )

    def __init__(self, *args: Any, session: Session, **kwargs: Any) -> None:
        super().__init__(*args, workspaces=[session.workspace], **kwargs)
        others = Session.objects.filter(workspace_id=session.workspace_id).exclude(pk=session.pk)
        self.fields["other"].queryset = others.order_by("-last_activity_at")  # type: ignore[attr-defined]
        self.order_fields(["other", "title", "question"])

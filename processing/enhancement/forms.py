"""What people enter about their help desk: one form for pages and API."""

from __future__ import annotations

from typing import Any

from django import forms

from processing.models import TrackerConnection
from sessions_app.providers import offered

from .library import KINDS, LABELS
from .models import HelpDesk
from .models.desk import Target

MOST_VALUES = 200
LONGEST_VALUE = 120


class ListField(forms.CharField):
    """One value a line."""

    widget = forms.Textarea(attrs={"rows": 5})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = value if isinstance(value, list) else (value or "").splitlines()
        return list(dict.fromkeys(line.strip() for line in map(str, lines) if line.strip()))

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > MOST_VALUES:
            raise forms.ValidationError(f"At most {MOST_VALUES} values.")
        if any(len(each) > LONGEST_VALUE or "\0" in each for each in value):
            raise forms.ValidationError(f"Each may have {LONGEST_VALUE} characters.")

    def run_validators(self, value: Any) -> None:
        """They look at a text; :meth:`validate` has looked at the list."""


class HelpDeskForm(forms.ModelForm[HelpDesk]):
    """A workspace's choices. The token is only ever written: an empty field keeps the present one."""

    provider = forms.ChoiceField(label="Who puts the context together")
    categories = ListField(label="Categories", required=False, help_text="One a line. Nothing else is suggested.")
    priorities = ListField(label="Priorities", required=False, help_text="One a line.")
    assignees = ListField(label="Assignees", required=False, help_text="One a line.")
    target = forms.ChoiceField(label="Where results are written to", choices=Target.choices)
    base_url = forms.URLField(
        label="Address of ServiceDesk Plus",
        required=False,
        max_length=300,
        assume_scheme="https",
        help_text="https://desk.example.com; in the cloud with /app/ and the portal's name.",
    )
    new_token = forms.CharField(
        label="Technician's key",
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    connection = forms.ModelChoiceField(
        TrackerConnection.objects.none(), label="Connection to Jira", required=False, empty_label="None"
    )

    class Meta:
        model = HelpDesk
        fields = [
            "provider",
            "llm_model",
            "categories",
            "priorities",
            "assignees",
            "target",
            "base_url",
            "connection",
            "show_to_requester",
        ]
        labels = {"llm_model": "Its model", "show_to_requester": "Show notes to the requester too"}
        help_texts = {"llm_model": "Empty: the provider's own default."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        self.fields["provider"].choices = offered(row.workspace)  # type: ignore[attr-defined]
        self.fields["connection"].queryset = TrackerConnection.objects.filter(  # type: ignore[attr-defined]
            workspace=row.workspace, target=TrackerConnection.Target.JIRA
        )
        hint = f", ends in {row.token_hint}" if row.token_hint else ""
        self.fields["new_token"].help_text = (
            f"Stored{hint}. Leave empty to keep it." if row.token else "Kept encrypted and never shown again."
        )
        self._address_before = row.base_url
        self.order_fields(
            ["provider", "llm_model", "categories", "priorities", "assignees", "target", "base_url", "new_token"]
        )

    def clean_new_token(self) -> str:
        token: str = self.cleaned_data["new_token"].strip()
        if token and (not token.isascii() or not token.isprintable() or " " in token):
            raise forms.ValidationError("This does not look like a key: it has spaces or unusual characters.")
        return token

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        token = cleaned.get("new_token")
        if self.instance.token and not token and cleaned.get("base_url", "").rstrip("/") != self._address_before:
            self.add_error("new_token", "Enter the key again: it would be sent to another address.")
        if token:
            self.instance.set_token(token)
        return cleaned


class ImportForm(forms.Form):
    """A file of the library."""

    kind = forms.ChoiceField(label="What it holds", choices=[(kind, LABELS[kind]) for kind in KINDS])
    file = forms.FileField(label="CSV file", widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}))

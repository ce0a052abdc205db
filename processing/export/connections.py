"""What people enter about a connection: one form for pages and API."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms

from processing.models import TrackerConnection
from processing.models.exports import Options

_LABEL_LENGTH = 50


class ConnectionForm(forms.ModelForm[TrackerConnection]):
    """A connection's settings. The token is only ever written: an empty field keeps the present one."""

    base_url = forms.URLField(
        label="Address",
        max_length=300,
        assume_scheme="https",
        help_text="https://example.atlassian.net, or https://api.github.com for GitHub.",
    )
    new_token = forms.CharField(
        label="Token",
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    epics = forms.BooleanField(label="An epic for each group, with its tickets below", required=False)
    relates = forms.BooleanField(label="Links between related tickets too", required=False, initial=True)
    labels = forms.CharField(label="Labels", required=False, max_length=500, help_text="With commas between them.")
    components = forms.CharField(
        label="Components", required=False, max_length=500, help_text="With commas between them. On GitHub: labels."
    )
    priority = forms.CharField(label="Priority", required=False, max_length=60, help_text="Jira only.")
    assignees = forms.CharField(
        label="Assignees",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line: Content = account id (Jira) or login (GitHub). * = for all other groups.",
    )
    fields_json = forms.CharField(
        label="Further fields",
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text='As the tracker wants them, in JSON: {"customfield_10010": {"value": "Web"}}.',
    )

    class Meta:
        model = TrackerConnection
        fields = ["name", "target", "base_url", "account", "project", "issue_type", "pace"]
        labels = {
            "target": "Tracker",
            "account": "Account",
            "issue_type": "Issue type",
            "pace": "Seconds between writes",
        }
        help_texts = {
            "account": "Jira: the e-mail address that the API token belongs to.",
            "project": "Jira: the project's key. GitHub: owner/repository.",
            "issue_type": "Jira only.",
            "pace": "1.5 is kind; a tracker that asks for more gets more.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.token
        hint = f", ends in {self.instance.token_hint}" if self.instance.token_hint else ""
        self.fields["new_token"].help_text = (
            f"Stored{hint}. Leave empty to keep it." if stored else "Kept encrypted and never shown again."
        )
        self.fields["issue_type"].required = False
        if not self.is_bound:
            self.initial.update(entered_of(self.instance.options))
        self.order_fields(["name", "target", "base_url", "account", "new_token", "project", "issue_type"])
        self._address_before = self.instance.base_url

    def clean_new_token(self) -> str:
        token: str = self.cleaned_data["new_token"].strip()
        if token and (not token.isascii() or not token.isprintable() or " " in token):
            raise forms.ValidationError("This does not look like a token: it has spaces or unusual characters.")
        return token

    def clean_labels(self) -> list[str]:
        return self._listed("labels")

    def clean_components(self) -> list[str]:
        return self._listed("components")

    def _listed(self, name: str) -> list[str]:
        found = [part.strip() for part in re.split(r"[,\n]", self.cleaned_data[name]) if part.strip()]
        if any(len(part) > _LABEL_LENGTH for part in found):
            raise forms.ValidationError(f"Each may have {_LABEL_LENGTH} characters.")
        return list(dict.fromkeys(found))

    def clean_assignees(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["assignees"].splitlines())):
            group, sign, account = line.partition("=")
            if not sign or not group.strip() or not account.strip():
                raise forms.ValidationError(f"“{line[:60]}” has to look like: Content = account.")
            found[group.strip()] = account.strip()
        return found

    def clean_fields_json(self) -> dict[str, Any]:
        text: str = self.cleaned_data["fields_json"].strip()
        try:
            found = json.loads(text) if text else {}
        except (ValueError, RecursionError):
            raise forms.ValidationError("This is not JSON.") from None
        if not isinstance(found, dict):
            raise forms.ValidationError('This has to be an object: {"field": value}.')
        return found

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        address = cleaned.get("base_url", "").rstrip("/")
        if self.instance.token and not cleaned.get("new_token") and address != self._address_before:
            self.add_error("new_token", "Enter the token again: it would be sent to another address.")
        return cleaned

    def validate_unique(self) -> None:
        """Names are unique within the workspace, which is not among the fields."""
        same = TrackerConnection.objects.filter(workspace=self.instance.workspace, name=self.cleaned_data.get("name"))
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("name", "There is a connection with this name already.")

    def applied(self) -> TrackerConnection:
        """The row as it should be, not saved yet."""
        row: TrackerConnection = self.save(commit=False)
        entered = self.cleaned_data
        row.options = Options(
            epics=entered["epics"],
            relates=entered["relates"],
            labels=entered["labels"],
            components=entered["components"],
            priority=entered["priority"].strip(),
            assignees=entered["assignees"],
            fields=entered["fields_json"],
        )
        row.is_healthy, row.check_result, row.checked_at = False, "", None
        if entered["new_token"]:
            row.set_token(entered["new_token"])
        return row


def entered_of(options: dict[str, Any]) -> dict[str, Any]:
    """Options as the form's fields show them."""
    extra = options.get("fields") or {}
    return {
        "epics": bool(options.get("epics")),
        "relates": bool(options.get("relates", True)),
        "labels": ", ".join(options.get("labels") or ()),
        "components": ", ".join(options.get("components") or ()),
        "priority": options.get("priority") or "",
        "assignees": "\n".join(f"{group} = {account}" for group, account in (options.get("assignees") or {}).items()),
        "fields_json": json.dumps(extra, ensure_ascii=False) if extra else "",
    }

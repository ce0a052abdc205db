"""What is searched: tickets that were solved, articles, and the hosts of the company. All of it by workspace.

Texts are indexed by the database itself (migration 0002): FTS5 with triggers on SQLite, a generated column on
PostgreSQL. A later migration that makes one of these tables anew on SQLite has to make its triggers again.
"""

from __future__ import annotations

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from sessions_app.models import Workspace


class LibraryItem(models.Model):
    """Known by the id that it has in the system it comes from: importing it again changes it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    external_id = models.CharField(max_length=120)
    url = models.CharField(max_length=500, blank=True)
    imported_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class ResolvedTicket(LibraryItem):
    """A ticket that somebody solved, and how."""

    title = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    resolution = models.TextField(blank=True)
    category = models.CharField(max_length=120, blank=True)
    priority = models.CharField(max_length=60, blank=True)
    assignee = models.CharField(max_length=120, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            UniqueConstraint(fields=["workspace", "external_id"], name="one_resolved_ticket_per_id"),
            CheckConstraint(condition=~Q(external_id=""), name="resolved_ticket_has_an_id"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.title}"


class KnowledgeArticle(LibraryItem):
    """An article of the knowledge base."""

    title = models.CharField(max_length=500)
    body = models.TextField(blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            UniqueConstraint(fields=["workspace", "external_id"], name="one_article_per_id"),
            CheckConstraint(condition=~Q(external_id=""), name="article_has_an_id"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.title}"


class Asset(LibraryItem):
    """A host, a device or a network. ``names`` and ``networks`` are what it is found by, with spaces between them, as
    they were given; ``AssetMark`` has them as they are looked up.
    """

    name = models.CharField(max_length=255)
    names = models.TextField(blank=True)
    networks = models.TextField(blank=True)
    kind = models.CharField(max_length=120, blank=True)
    location = models.CharField(max_length=255, blank=True)
    owner = models.CharField(max_length=255, blank=True)
    notes = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            UniqueConstraint(fields=["workspace", "external_id"], name="one_asset_per_id"),
            CheckConstraint(condition=~Q(external_id=""), name="asset_has_an_id"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.name}"

    @property
    def title(self) -> str:
        """What lists show, as of the other kinds."""
        return self.name


class AssetMark(models.Model):
    """What an asset is found by: a host's name, or an address or network.

    ``text`` is the name in small letters, or the network as ``10.0.0.0/8``; ``first`` is its first address in
    hexadecimal of full length, so that a range can be looked up by comparing texts.
    """

    class Kind(models.TextChoices):
        NAME = "name"
        IPV4 = "ipv4"
        IPV6 = "ipv6"

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="marks")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    text = models.CharField(max_length=255)
    first = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["workspace", "kind", "text"]),
            models.Index(fields=["workspace", "kind", "first"]),
        ]
        constraints = [CheckConstraint(condition=Q(kind__in=["name", "ipv4", "ipv6"]), name="asset_mark_is_known")]

    def __str__(self) -> str:
        return self.text

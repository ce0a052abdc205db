"""Pages of lists: ``?page=2&page_size=100``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response


class Pages(PageNumberPagination):
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As OpenAPI 3.1 has it, where nothing is a type of its own."""
        address = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {"count": {"type": "integer"}, "next": address, "previous": address, "results": schema},
        }


class PagedView:
    """Mixed into views that list something; the schema tells of the pages by ``pagination_class``."""

    pagination_class = Pages

    def paged(self, request: Request, rows: Any, to_values: Callable[[list[Any]], Any]) -> Response:
        """The page that is asked for; ``to_values`` makes JSON of its rows."""
        pages = self.pagination_class()
        page: Any = pages.paginate_queryset(rows, request, view=self)  # type: ignore[arg-type]
        return pages.get_paginated_response(to_values(page or []))

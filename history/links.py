"""Pages of a plain list: the rows are the body, the way to the next ones a Link header."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response


def linked_page(
    request: Request, rows: list[dict[str, Any]], following: dict[str, str] | None, headers: dict[str, str]
) -> Response:
    """`following` are the query parameters that lead to the next page; None on the last one."""
    if following:
        query = request.query_params.copy()
        for name, value in following.items():
            query[name] = value
        address = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        headers = {**headers, "Link": f'<{address}>; rel="next"'}
    return Response(rows, headers=headers)

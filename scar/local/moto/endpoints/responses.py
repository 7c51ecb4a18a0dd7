"""Responses of the endpoints' configuration APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping


def json_response(content: object, status: int = 200) -> Response:
    """Return a JSON document, or an empty response with status 204."""
    return Response(
        status=status,
        headers={"content-type": "application/json"},
        body=b"" if status == 204 else json.dumps(content).encode(),
    )


def spell_as_sent(document: Mapping[str, object]) -> dict[str, object]:
    """Return a document with the names of API Gateway's HTTP messages: ``apiId`` for ``ApiId``."""
    return {name[0].lower() + name[1:]: value for name, value in document.items()}

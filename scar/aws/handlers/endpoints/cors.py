"""Read CORS as API Gateway and Lambda describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.model.resources import CorsRules

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_cors(description: Mapping[str, Any] | None) -> CorsRules:
    """Return the rules; those without origins allow nothing, and are none."""
    found = description or {}
    if not found.get("AllowOrigins"):
        return CorsRules()
    return CorsRules(
        allow_origins=tuple(sorted(found["AllowOrigins"])),
        allow_methods=tuple(sorted(m.upper() for m in found.get("AllowMethods") or ())),
        allow_headers=tuple(sorted(h.lower() for h in found.get("AllowHeaders") or ())),
        expose_headers=tuple(sorted(h.lower() for h in found.get("ExposeHeaders") or ())),
        allow_credentials=bool(found.get("AllowCredentials", False)),
        max_age=int(found.get("MaxAge") or 0),
    )

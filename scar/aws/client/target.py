"""Where a command connects to, as the user names it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTarget:
    """An AWS account and Region, or the local cloud; the AWS SDK fills in empty values."""

    local: bool = False
    region: str = ""
    profile: str = ""
    endpoint_url: str = ""

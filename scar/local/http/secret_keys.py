"""The secret access keys of the local cloud."""

from __future__ import annotations

import base64
import hmac


def derive_secret_key(server_secret: bytes, access_key_id: str) -> str:
    """Return the secret access key of an id: 40 characters, always the same."""
    digest = hmac.digest(server_secret, access_key_id.encode(), "sha256")
    return base64.b64encode(digest).decode()[:40]

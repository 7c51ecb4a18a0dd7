"""Temporary credentials for functions, jobs and the local cloud itself."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from scar.local.http.secret_keys import derive_secret_key
from supervisor.aws.sigv4 import Credentials

TEMPORARY = "ASIA"
"""The first letters of the id of a temporary access key."""


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """Issues credentials that this local cloud's HTTP server accepts.

    Every key is derived from ``secret``, so that no table of issued keys is needed.
    """

    secret: bytes = field(repr=False)

    def credentials_for(self, owner: str) -> Credentials:
        """Return the temporary credentials of an owner (``lambda/<name>``), always the same.

        Key ids look like AWS's temporary ones: ``ASIA`` and 16 characters of A-Z and 2-7.
        """
        digest = base64.b32encode(hashlib.sha256(owner.encode()).digest()).decode()
        access_key = f"{TEMPORARY}{digest[:16]}"
        return Credentials(
            access_key=access_key,
            secret_key=derive_secret_key(self.secret, access_key),
            token=f"local/{owner}",
        )

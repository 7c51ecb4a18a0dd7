"""Access keys of the local cloud: one for each role, derived, so that no table of them is kept."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from scar.local.http.auth import derive_secret_key
from supervisor.aws.sigv4 import Credentials


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """Gives out keys that this local cloud's HTTP server will accept."""

    secret: bytes = field(repr=False)

    def credentials_for(self, owner: str) -> Credentials:
        """Return the temporary key of an owner (``lambda/<name>``), the same at each call.

        Key ids look like AWS's temporary ones: ASIA and 16 of A-Z, 2-7.
        """
        digest = base64.b32encode(hashlib.sha256(owner.encode()).digest()).decode()
        access_key = f"ASIA{digest[:16]}"
        return Credentials(
            access_key=access_key,
            secret_key=derive_secret_key(self.secret, access_key),
            token=f"local/{owner}",
        )

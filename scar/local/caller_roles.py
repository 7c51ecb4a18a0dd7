"""The roles whose credentials functions and jobs have, and what they allow.

IAM is not enforced in general: see ``scar.local.moto.supported_operations.NOT_EMULATED``. It is
where a function may start functions, as a wrong policy would be found on AWS only.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.access_keys import TEMPORARY

if TYPE_CHECKING:
    from scar.local.access_keys import AccessKeys
    from scar.local.moto.role_policies import RolePolicies
    from supervisor.aws.sigv4 import Credentials


@dataclass(frozen=True, slots=True)
class CallerRoles:
    """Issues credentials of roles. The user's own keys have no role and may do everything.

    Temporary keys of an earlier server may do nothing: their roles are not known any more.
    """

    keys: AccessKeys
    policies: RolePolicies
    _roles: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, owner: str, role: str) -> Credentials:
        """Return the owner's credentials and remember the role: an ARN, or empty."""
        credentials = self.keys.credentials_for(owner)
        with self._lock:
            self._roles[credentials.access_key] = role
        return credentials

    def role_of(self, access_key: str) -> str:
        """Return the ARN of the key's role, empty for a key of the user."""
        with self._lock:
            return self._roles.get(access_key, "")

    def allow(self, access_key: str, action: str, resource: str) -> bool:
        """Return whether the caller may do this."""
        with self._lock:
            role = self._roles.get(access_key)
        if role is None:
            return not access_key.startswith(TEMPORARY)
        return not role or self.policies.allow(role, action, resource)

"""Whether a role's policies allow an action: IAM is not enforced, but some services ask first."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from scar.local.moto.loading.start import import_moto

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping


class RolePolicies:
    """The inline policies of roles in moto, read on each call."""

    def __init__(self, account: str, lock: threading.RLock) -> None:
        self._account = account
        self._lock = lock

    def allow(self, role_arn: str, action: str, resource: str) -> bool:
        """Return whether the role may do this.

        True also for a role that does not exist, or that has managed policies, which are not read.
        """
        import_moto()
        from moto.iam.models import iam_backends

        with self._lock:
            roles = [
                role
                for backend in iam_backends[self._account].values()
                for role in backend.roles.values()
                if role.arn == role_arn
            ]
            if not roles or roles[0].managed_policies:
                return True
            documents = [json.loads(text) for text in roles[0].policies.values()]
        effects = {
            statement.get("Effect")
            for document in documents
            for statement in _statements(document)
            if _matches(statement.get("Action"), action.lower())
            and _matches(statement.get("Resource"), resource.lower())
        }
        return "Allow" in effects and "Deny" not in effects


def _statements(document: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    statements = document.get("Statement")
    for each in statements if isinstance(statements, list) else [statements]:
        if isinstance(each, dict):
            yield each


def _matches(patterns: object, value: str) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns]
    return any(fnmatchcase(value, str(pattern).lower()) for pattern in listed)

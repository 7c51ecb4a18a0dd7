"""The keys of each kind of provider in ``storage_providers``: the only list of them.

A deployment writes them into a ``ProviderConfig`` and a store reads them. A key on one side only,
or an option here that is a secret there, would be lost without an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Secrets that are sent in a header as they are, and must be ASCII therefore.
HEADER_KEYS = frozenset({"access_key", "session_token", "token"})
_TRUST = frozenset({"verify", "ca_bundle"})
_KEY_PAIR = frozenset({"access_key", "secret_key"})
_S3_OPTIONS = _TRUST | {"endpoint", "region", "path_style", "conditional_writes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKeys:
    """``options`` are plain values. ``secrets`` are stored encrypted, and read by each run.

    Secrets also are what belongs to one without being one: the key's id, the login.
    """

    options: frozenset[str]
    secrets: frozenset[str]


PROVIDER_KEYS: Mapping[str, ProviderKeys] = {
    "s3": ProviderKeys(options=_S3_OPTIONS, secrets=_KEY_PAIR | {"session_token"}),
    "minio": ProviderKeys(options=_S3_OPTIONS, secrets=_KEY_PAIR | {"webhook_token"}),
    "webdav": ProviderKeys(
        options=_TRUST | {"hostname"}, secrets=frozenset({"login", "password", "token"})
    ),
    "onedata": ProviderKeys(
        options=_TRUST | {"oneprovider_host", "space"}, secrets=frozenset({"token"})
    ),
}
SECRET_KEYS = frozenset().union(*(keys.secrets for keys in PROVIDER_KEYS.values()))

"""The sources of credentials, and their refresh in jobs that run for days.

The order is that of the AWS SDKs: environment, container endpoint (ECS, and so Batch),
instance metadata (IMDSv2 only). Shared configuration files are not read.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from supervisor.aws.errors import AwsError, NoCredentials
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Seconds. AWS provides new keys at least five minutes before the old ones expire (EC2 User Guide).
REFRESH_BEFORE_EXPIRY = 600.0
REFRESH_RETRY_PAUSE = 60.0


class CredentialProvider(Protocol):
    """Source of the credentials that requests are signed with."""

    def get_credentials(self) -> Credentials:
        """Return credentials that are valid now; raise NoCredentials."""

    def replace_rejected(self, rejected: Credentials) -> bool:
        """Return whether there are other credentials than these, which AWS has rejected."""


@dataclass(frozen=True, slots=True)
class StaticCredentials:
    """Credentials that do not change."""

    credentials: Credentials

    def get_credentials(self) -> Credentials:
        return self.credentials

    def replace_rejected(self, rejected: Credentials) -> bool:
        return rejected != self.credentials


class RefreshableCredentials:
    """Fetches credentials at their first use, and again before they expire.

    From ten minutes before the expiry one thread fetches new ones while others use the old ones. A
    failed refresh is repeated every minute and raised only after the expiry. Credentials that AWS
    rejects before their expiry, because they were revoked, are fetched again at once. ``clock`` is
    in epoch seconds, as ``Credentials.expires`` is.
    """

    def __init__(
        self, fetch: Callable[[], Credentials], clock: Callable[[], float] = time.time
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._current: Credentials | None = None
        self._next_try = 0.0
        self._next_replacement = 0.0

    def get_credentials(self) -> Credentials:
        current = self._current
        now = self._clock()
        if current is None or now >= current.expires:
            with self._lock:
                return self._refresh_credentials()
        # A lock that is held means that another thread is refreshing: do not wait for it.
        due = now >= current.expires - REFRESH_BEFORE_EXPIRY and now >= self._next_try
        if due and self._lock.acquire(blocking=False):
            try:
                return self._refresh_credentials()
            finally:
                self._lock.release()
        return current

    def replace_rejected(self, rejected: Credentials) -> bool:
        """Fetch credentials again, unless another thread has; at most once a minute in vain."""
        with self._lock:
            if self._current is not None and not _is_same_session(self._current, rejected):
                return True
            now = self._clock()
            if now < self._next_replacement:
                return False
            try:
                fetched = self._fetch()
            except AwsError:
                self._next_replacement = now + REFRESH_RETRY_PAUSE
                return False  # the caller has AWS's error, which says more
            if _is_same_session(fetched, rejected):
                # The endpoint returns them until they expire.
                self._next_replacement = now + REFRESH_RETRY_PAUSE
                return False
            self._current = fetched
            return True

    def _refresh_credentials(self) -> Credentials:
        now = self._clock()
        current = self._current
        # Another thread may have refreshed while this one waited for the lock.
        if current is not None and now < current.expires - REFRESH_BEFORE_EXPIRY:
            return current
        self._next_try = now + REFRESH_RETRY_PAUSE
        try:
            self._current = self._fetch()
        except AwsError:
            if current is None or now >= current.expires:
                raise
            return current
        return self._current


def _is_same_session(one: Credentials, other: Credentials) -> bool:
    return (one.access_key, one.token) == (other.access_key, other.token)


def find_credentials(
    environ: Mapping[str, str], clock: Callable[[], float] = time.time
) -> CredentialProvider:
    """Return the source that the environment describes; nothing is fetched yet.

    Raise NoCredentials if one key of a pair is missing, or if instance metadata, the last source,
    is disabled; ConfigError for a container endpoint that is not permitted.
    """
    if static := _read_environment_keys(environ):
        return StaticCredentials(static)

    from supervisor.aws import metadata

    if container := metadata.container_provider(environ):
        return RefreshableCredentials(container.fetch, clock)
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise NoCredentials(
            "No AWS credentials: none in the environment, no container endpoint, and instance "
            "metadata is disabled.",
            remedy="Assign a role to the job or function, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY.",
        )
    return RefreshableCredentials(metadata.imds_provider(environ).fetch, clock)


def _read_environment_keys(environ: Mapping[str, str]) -> Credentials | None:
    access = environ.get("AWS_ACCESS_KEY_ID", "")
    secret = environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not access and not secret:
        return None
    if not access or not secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
        raise NoCredentials(
            f"{missing} is not set, but the other key of the pair is.", remedy="Set both or none."
        )
    token = environ.get("AWS_SESSION_TOKEN", "")
    return Credentials(access_key=access, secret_key=secret, token=token)

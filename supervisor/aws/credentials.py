"""Where credentials come from, and how they stay fresh in jobs of days.

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

# AWS offers new keys at least five minutes before the old ones end (IAM roles for EC2).
REFRESH_BEFORE_EXPIRY = 600.0
REFRESH_RETRY_PAUSE = 60.0


class CredentialProvider(Protocol):
    """Anything that can name the credentials to sign with now."""

    def get_credentials(self) -> Credentials:
        """Return credentials that are valid now; raise NoCredentials."""


@dataclass(frozen=True, slots=True)
class StaticCredentials:
    """Credentials that do not change."""

    credentials: Credentials

    def get_credentials(self) -> Credentials:
        return self.credentials


class RefreshableCredentials:
    """Fetches credentials when they are first needed, and again before they expire.

    Ten minutes before the end one thread fetches new ones while the others go on with the old
    ones. A failure counts only once the old ones have expired; until then it is tried again
    every minute. ``clock`` is in epoch seconds, as ``Credentials.expires`` is.
    """

    def __init__(
        self, fetch: Callable[[], Credentials], clock: Callable[[], float] = time.time
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Credentials | None = None
        self._next_try = 0.0

    def get_credentials(self) -> Credentials:
        held = self._held
        now = self._clock()
        if held is None or now >= held.expires:
            with self._lock:
                return self._refresh_credentials()
        due = now >= held.expires - REFRESH_BEFORE_EXPIRY and now >= self._next_try
        if due and self._lock.acquire(blocking=False):
            try:
                return self._refresh_credentials()
            finally:
                self._lock.release()
        return held

    def _refresh_credentials(self) -> Credentials:
        now = self._clock()
        held = self._held
        # Another thread may have been faster while this one waited for the lock.
        if held is not None and now < held.expires - REFRESH_BEFORE_EXPIRY:
            return held
        self._next_try = now + REFRESH_RETRY_PAUSE
        try:
            self._held = self._fetch()
        except AwsError:
            if held is None or now >= held.expires:
                raise
            return held
        return self._held


def find_credentials(
    environ: Mapping[str, str], clock: Callable[[], float] = time.time
) -> CredentialProvider:
    """Choose the source that the environment describes; nothing is fetched yet.

    Raises NoCredentials for half a key pair, for a container endpoint that must not be asked,
    and if instance metadata, the last source, is switched off.
    """
    if fixed := _read_environment_keys(environ):
        return StaticCredentials(fixed)

    from supervisor.aws import metadata

    if asked := metadata.container_provider(environ):
        return RefreshableCredentials(asked.fetch, clock)
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise NoCredentials(
            "There are no AWS credentials in the environment, no container endpoint is named, "
            "and instance metadata is switched off.",
            remedy="Give the job or function a role, or set AWS_ACCESS_KEY_ID and "
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
            f"{missing} is not set, but its other half is.", remedy="Set both, or none."
        )
    token = environ.get("AWS_SESSION_TOKEN", "")
    return Credentials(access_key=access, secret_key=secret, token=token)

"""The deployment lock, ``locks/deploy`` in the state bucket: one deployment at a time.

The lock is an object written with a condition (``If-None-Match: *`` or ``If-Match``), with a lease
that its owner renews. If the owner's process dies, the lease expires and another process
overwrites the object, again with a condition, so that only one of several succeeds. A lock's age
is the difference of two of S3's timestamps; the clocks of two computers are never compared.

When the lock is released, the object stays, without an owner. Its content differs with every
write, so an unchanged ETag proves that no other process held the lock since it was read, and that
what was read after it is still valid. The object also records the functions whose deployment or
removal was started and not finished, and a new ``generation`` of the resources that functions
share whenever these are about to change.

Updates of functions' own resources do not need the lock (``planner.needs_lock``).
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.client.waiter import Waiter
from scar.aws.deploy.lock_record import (
    CONDITION_FAILED_CODES,
    LEASE_SECONDS,
    LOCK_KEY,
    NOT_FOUND_CODES,
    encode_record,
    put_record,
    read_lock,
)
from scar.errors import OperationRefusedError, ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from mypy_boto3_s3 import S3Client

    from scar.aws.deploy.lock_record import LockState, UnfinishedFunctions


@dataclass(slots=True, kw_only=True)
class DeployLock:
    """The lock, held inside ``with``; raises WaitTimeoutError if others hold it too long.

    ``unfinished`` are the functions that the owner is about to change, with their buckets.
    If the owner ``changes_shared`` resources, a new ``generation`` begins when it is acquired.
    ``known_state`` is an earlier state of the lock: if no process has held the lock since, it is
    acquired without waiting, and ``is_unchanged`` is True. A failed release is only reported,
    since the lease expires.
    """

    s3: S3Client
    bucket: str
    report: Callable[[str], None]
    unfinished: UnfinishedFunctions = field(default_factory=dict)
    changes_shared: bool = False
    known_state: LockState | None = None
    lease: float = LEASE_SECONDS
    waiter: Waiter = field(
        default_factory=lambda: Waiter(timeout=900, first_delay=0.1, max_delay=2)
    )
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_unchanged: bool = field(default=False, init=False)
    generation: str = field(default="", init=False)
    _etag: str = field(default="", init=False)
    _writes: int = field(default=0, init=False)
    # Held from reading the ETag to storing the new one: otherwise a renewal between the two would
    # write the record as it was before, and the newer record would be lost until the next renewal.
    _writing: threading.Lock = field(default_factory=threading.Lock, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _renewal: threading.Thread | None = field(default=None, init=False)
    _has_reported_wait: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        try:
            # One conditional write, without a read: it succeeds only if the ETag is the same.
            if self.known_state is not None and self.known_state.is_released:
                with errors.translate_errors("acquire the deployment lock"):
                    self.is_unchanged = self._acquire_if_unchanged(self.known_state)
            if not self.is_unchanged:
                self.waiter.wait_until(self._try_acquire, f"the lock s3://{self.bucket}/{LOCK_KEY}")
        except BaseException:
            # Interrupted, perhaps after S3 had accepted the write: release the lock now, so that
            # others need not wait until the lease expires.
            self._release()
            raise
        self._renewal = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._renewal.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The renewal is stopped first: its write would change the ETag that the release expects.
        self._stop.set()
        if self._renewal is not None:
            self._renewal.join()
        try:
            with errors.translate_errors("release the deployment lock"):
                self._release()
        except ScarError as failure:
            # Not raised: the work under the lock is complete, or has raised its own error.
            self.report(
                f"Warning: {failure.problem.rstrip('.')}. The lock expires within"
                f" {self.lease:.0f} seconds; until then other deployments wait."
            )

    def require_held(self) -> None:
        """Raise OperationRefusedError if the lock was lost, for instance while the host slept."""
        if not self._etag:
            raise OperationRefusedError(
                "The deployment lock was lost: it could not be renewed in time.",
                remedy="Run the same command again.",
            )

    def begin(self, further: UnfinishedFunctions) -> None:
        """Record further functions that the owner is about to change; call it before the change."""
        merged = _merge_unfinished(self.unfinished, further)
        if merged == self.unfinished:
            return
        self._update_record(merged, self.generation)

    def begin_generation(self) -> None:
        """Begin a new generation of shared resources; call it before they are changed."""
        if self.generation != self.owner:
            self._update_record(self.unfinished, self.owner)

    def mark_finished(self, functions: Iterable[str]) -> None:
        """Remove the functions from the record of unfinished ones; the release writes it."""
        done = set(functions)
        self.unfinished = {
            name: buckets for name, buckets in self.unfinished.items() if name not in done
        }

    def _update_record(self, unfinished: UnfinishedFunctions, generation: str) -> None:
        with errors.translate_errors("update the deployment lock"), self._writing:
            self.unfinished, self.generation = unfinished, generation
            if self._etag and not self._write_record(self.owner, self._etag):
                self._etag = ""

    def _try_acquire(self) -> bool:
        current = read_lock(self.s3, self.bucket)
        with errors.translate_errors("acquire the deployment lock"):
            if current.is_free and self._acquire_if_unchanged(current):
                return True
        if not self._has_reported_wait:
            self.report(_describe_wait(current))
            self._has_reported_wait = True
        return False

    def _acquire_if_unchanged(self, observed: LockState) -> bool:
        """Write the lock if it is unchanged since it was observed; return whether it was."""
        own = dict(self.unfinished)
        # Keep what earlier owners left unfinished recorded until a deployment finishes it.
        self.unfinished = _merge_unfinished(observed.unfinished, own)
        # Releases that do not know generations write none: what they changed is not known.
        is_new = self.changes_shared or not observed.generation
        self.generation = self.owner if is_new else observed.generation
        if self._write_record(self.owner, observed.etag):
            return True
        self.unfinished = own
        return False

    def _write_record(self, owner: str, expected_etag: str) -> bool:
        """Write the record if the lock still has this ETag (empty: if it does not exist).

        Return whether this process owns the lock, with the new ETag in ``_etag``.
        """
        self._writes += 1
        body = encode_record(
            owner, self.lease, f"{self.owner}-{self._writes}", self.unfinished, self.generation
        )
        try:
            put = put_record(self.s3, self.bucket, body, expected_etag)
        except ClientError as error:
            if errors.error_code(error) not in CONDITION_FAILED_CODES | NOT_FOUND_CODES:
                raise
            # The SDK retries: if S3 had accepted the first attempt and only its response was lost,
            # the second one fails its condition although this process is the owner.
            return self._is_owner()
        self._etag = put["ETag"]
        return True

    def _is_owner(self) -> bool:
        current = read_lock(self.s3, self.bucket)
        if current.owner != self.owner:
            return False
        self._etag = current.etag
        return True

    def _renew(self) -> None:
        """Renew the lease at every quarter of it; three failures in a row mean it is lost."""
        failures = 0
        while not self._stop.wait(self.lease / 4):
            try:
                with self._writing:
                    is_held = self._write_record(self.owner, self._etag)
                failures = 0
            except (*errors.SDK_ERRORS, ScarError):
                failures += 1
                is_held = failures < 3
            if not is_held:
                self._etag = ""
                return

    def _release(self) -> None:
        if self._etag:
            self._write_record("", self._etag)
            self._etag = ""


def _describe_wait(current: LockState) -> str:
    names = sorted(current.unfinished)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    functions = f" of {', '.join(names[:3])}{more}" if names else ""
    return (
        f"Waiting for another deployment{functions} to end: it creates, deletes or connects"
        " resources, which one process at a time may do…"
    )


def _merge_unfinished(
    one: UnfinishedFunctions, other: UnfinishedFunctions
) -> dict[str, tuple[str, ...]]:
    """Merge two records: each function with the buckets of both."""
    names = {**one, **other}
    return {n: tuple(dict.fromkeys((*one.get(n, ()), *other.get(n, ())))) for n in names}

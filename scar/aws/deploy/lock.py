"""``locks/deploy`` in the state bucket: one change of shared resources at a time.

A lock is an object written under a condition, with a lease that its owner renews. When the
owner is gone, the lease runs out and the next one writes over it, again under a condition.
Ages are differences of S3's own times; the clocks of two machines are never compared.

Released, the object stays, without an owner. No two writes are equal, hence its ETag says
whether anybody held the lock since it was last seen: if not, what was read then still holds.
It also remembers the functions that somebody began to change and did not finish.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults
from scar.aws.client.waiter import Waiter
from scar.errors import OperationRefusedError, ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from mypy_boto3_s3 import S3Client

    UnfinishedFunctions = Mapping[str, tuple[str, ...]]  # buckets by function

LOCK_KEY = "locks/deploy"
LEASE_SECONDS = 60.0  # seconds
_LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "409", "412"})
_NOT_FOUND_CODES = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LockState:
    """The lock at one moment; without an ETag there was none. ``age`` and ``lease`` in seconds.

    ``begun`` are functions whose deployment or removal never ended, each with its buckets.
    """

    bucket_exists: bool = True
    etag: str = ""
    owner: str = ""
    age: float = 0.0
    lease: float = LEASE_SECONDS
    unfinished: UnfinishedFunctions = field(default_factory=dict)

    @property
    def is_released(self) -> bool:
        return not self.owner

    @property
    def is_free(self) -> bool:
        return self.is_released or self.age > self.lease


def read_lock(s3: S3Client, bucket: str) -> LockState:
    """Read the lock; raise ScarError if it cannot be read."""
    with faults.translate_errors("look at the deployment lock"):
        try:
            found = s3.get_object(Bucket=bucket, Key=LOCK_KEY)
        except ClientError as error:
            if faults.error_code(error) in _NOT_FOUND_CODES | {"NoSuchBucket"}:
                return LockState(bucket_exists=faults.error_code(error) != "NoSuchBucket")
            raise
        with found["Body"] as body:
            record = _parse_lock_record(body.read())
    served = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
    age = (served - found["LastModified"]).total_seconds()
    return replace(record, etag=found["ETag"], age=age)


@dataclass(slots=True, kw_only=True)
class DeployLock:
    """Held inside ``with``; raises StillWaiting if others keep it for longer than patience.

    If only its release fails, that is reported: the lease runs out.

    ``begun`` is what its owner is about to change. Taken at once if nobody held the lock since
    ``seen``; then ``is_unchanged``.
    """

    s3: S3Client
    bucket: str
    report: Callable[[str], None]
    unfinished: UnfinishedFunctions = field(default_factory=dict)
    known_state: LockState | None = None
    lease: float = LEASE_SECONDS
    waiter: Waiter = field(
        default_factory=lambda: Waiter(timeout=900, first_delay=0.1, max_delay=2)
    )
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_unchanged: bool = field(default=False, init=False)
    _etag: str = field(default="", init=False)
    _writes: int = field(default=0, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _renewal: threading.Thread | None = field(default=None, init=False)
    _has_reported_wait: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        try:
            if self.known_state is not None and self.known_state.is_released:
                with faults.translate_errors("take the deployment lock"):
                    self.is_unchanged = self._acquire_if_unchanged(self.known_state)
            if not self.is_unchanged:
                self.waiter.wait_until(self._try_acquire, f"The lock s3://{self.bucket}/{LOCK_KEY}")
        except BaseException:
            # Interrupted, maybe after S3 had said yes: nobody shall wait for the lease.
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
        self._stop.set()
        if self._renewal is not None:
            self._renewal.join()
        try:
            with faults.translate_errors("release the deployment lock"):
                self._release()
        except ScarError as failure:
            # What was done under it is done, or failed for a reason of its own.
            self.report(
                f"Warning: {failure.problem.rstrip('.')}. The lock ends by itself within"
                f" {self.lease:.0f} seconds; until then other deployments wait."
            )

    def require_held(self) -> None:
        """Raise Refused if the lock was lost, for instance while the machine slept."""
        if not self._etag:
            raise OperationRefusedError(
                "The deployment lock was lost: renewing it failed for too long.",
                remedy="Run the same command again.",
            )

    def begin(self, begun: UnfinishedFunctions) -> None:
        """Record what else the owner is about to change, before it changes any of that."""
        merged = _merged(self.unfinished, begun)
        if merged == self.unfinished:
            return
        self.unfinished = merged
        with faults.translate_errors("write the deployment lock"):
            if self._etag and not self._write_record(self.owner, self._etag):
                self._etag = ""

    def mark_finished(self, functions: Iterable[str]) -> None:
        """Say that of these functions nothing is half done any more."""
        done = set(functions)
        self.unfinished = {
            name: buckets for name, buckets in self.unfinished.items() if name not in done
        }

    def _try_acquire(self) -> bool:
        there = read_lock(self.s3, self.bucket)
        with faults.translate_errors("take the deployment lock"):
            if there.is_free and self._acquire_if_unchanged(there):
                return True
        if not self._has_reported_wait:
            self.report("Waiting for another deployment to end…")
            self._has_reported_wait = True
        return False

    def _acquire_if_unchanged(self, observed: LockState) -> bool:
        """Write the lock if it is still as it was seen."""
        own = dict(self.unfinished)
        self.unfinished = _merged(observed.unfinished, own)
        if self._write_record(self.owner, observed.etag):
            return True
        self.unfinished = own
        return False

    def _write_record(self, owner: str, expected_etag: str) -> bool:
        """Write the record if the lock's ETag is ``over``; if that is empty, if there is none."""
        self._writes += 1
        record = {
            "format": 1,
            "owner": owner,
            "lease": self.lease,
            "write": f"{self.owner}-{self._writes}",
            "begun": self.unfinished,
        }
        body = json.dumps(record).encode()
        try:
            if expected_etag:
                put = self.s3.put_object(
                    Bucket=self.bucket, Key=LOCK_KEY, Body=body, IfMatch=expected_etag
                )
            else:
                put = self.s3.put_object(
                    Bucket=self.bucket, Key=LOCK_KEY, Body=body, IfNoneMatch="*"
                )
        except ClientError as error:
            if faults.error_code(error) not in _LOST_RACE | _NOT_FOUND_CODES:
                raise
            # The answer to our own first attempt may have been lost on the way.
            return self._is_owner()
        self._etag = put["ETag"]
        return True

    def _is_owner(self) -> bool:
        found = read_lock(self.s3, self.bucket)
        if found.owner != self.owner:
            return False
        self._etag = found.etag
        return True

    def _renew(self) -> None:
        failures = 0
        while not self._stop.wait(self.lease / 4):
            try:
                kept = self._write_record(self.owner, self._etag)
                failures = 0
            except (*faults.SDK_ERRORS, ScarError):
                failures += 1
                kept = failures < 3
            if not kept:
                self._etag = ""
                return

    def _release(self) -> None:
        if self._etag:
            self._write_record("", self._etag)
            self._etag = ""


def _merged(one: UnfinishedFunctions, other: UnfinishedFunctions) -> dict[str, tuple[str, ...]]:
    """Join the buckets of each function: what an owner left half done is not forgotten."""
    names = {**one, **other}
    return {n: tuple(dict.fromkeys((*one.get(n, ()), *other.get(n, ())))) for n in names}


def _parse_lock_record(record: bytes) -> LockState:
    try:
        fields = json.loads(record)
        begun = {str(name): tuple(map(str, of)) for name, of in fields.get("begun", {}).items()}
        return LockState(owner=str(fields["owner"]), lease=float(fields["lease"]), unfinished=begun)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OperationRefusedError(
            f"The deployment lock {LOCK_KEY} in the state bucket cannot be read: {error!r}.",
            remedy="If no other deployment runs, delete that object and try again.",
        ) from error

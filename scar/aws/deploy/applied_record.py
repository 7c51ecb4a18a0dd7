"""The object ``locks/applied`` of the state bucket: which deployments were applied completely.

Nobody owns it. Each deployment and removal writes it with a condition on its ETag before its first
change and after its last, and reads it again if another process was faster: so deployments of
different functions do not wait for each other. It has the digests of what was applied
(``AppliedState``) and the changes of the last hour (``RecordedChange``).

A digest is removed by the write before the first change. It is recorded by a deployment that has
applied its plan, or that has read everything and found nothing to change, but only if no other
process may have changed the same functions since the record was read, before anything else was. A
process that was killed leaves its change without an end; for an hour nothing is recorded then.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.client.waiter import Waiter
from scar.aws.deploy.applied import applied_to_json, parse_applied, without_functions
from scar.aws.deploy.lock_record import CONDITION_FAILED_CODES, NOT_FOUND_CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from mypy_boto3_s3 import S3Client

    from scar.aws.deploy.applied import AppliedState

RECORD_KEY = "locks/applied"
# Longer than a deployment takes. One that takes longer records nothing if others have written.
CHANGES_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChange:
    """A process that changes functions, or has changed them; ``time`` is S3's, before it began."""

    owner: str
    functions: tuple[str, ...]
    time: datetime
    has_ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRecord:
    """The record as it was read at S3's time ``served``; the ETag is empty if there is none."""

    served: datetime
    etag: str = ""
    applied: tuple[AppliedState, ...] = ()
    changes: tuple[RecordedChange, ...] = ()

    def changes_of(self, functions: Collection[str]) -> tuple[RecordedChange, ...]:
        """Return the changes of the last hour of any of these functions."""
        return tuple(
            c
            for c in self.changes
            if {*c.functions} & {*functions} and self.served - c.time <= CHANGES_KEPT
        )

    def find_applied(self, functions: Collection[str], generation: str) -> AppliedState | None:
        """Return what was applied last to exactly these functions, if it is trusted."""
        if not generation or not all(c.has_ended for c in self.changes_of(functions)):
            return None
        return next(
            (
                a
                for a in self.applied
                if {*a.functions} == {*functions}
                and a.generation == generation
                and a.is_trusted_at(self.served)
            ),
            None,
        )

    def may_have_changed_since(
        self, observed: AppliedRecord, functions: Collection[str], owner: str
    ) -> bool:
        """Return whether a process other than ``owner`` may have changed any of the functions."""
        if self.served - observed.served > CHANGES_KEPT:
            return True
        ended = {c.owner for c in observed.changes if c.has_ended}
        return not {c.owner for c in self.changes_of(functions)} <= {*ended, owner}


@dataclass(frozen=True, slots=True)
class AppliedRecords:
    """Reads and writes the record; raises ScarError if S3 refuses."""

    s3: S3Client
    bucket: str

    def read(self) -> AppliedRecord:
        """Return the record; an empty one if it, or the bucket, does not exist."""
        with errors.translate_errors("read what was deployed last"):
            try:
                response = self.s3.get_object(Bucket=self.bucket, Key=RECORD_KEY)
            except ClientError as error:
                if errors.error_code(error) not in NOT_FOUND_CODES | {"NoSuchBucket"}:
                    raise
                return AppliedRecord(served=_served(error.response))
            with response["Body"] as body:
                text = body.read()
        return _parse(text, etag=response["ETag"], served=_served(response))

    def begin(
        self, owner: str, functions: Collection[str], observed: AppliedRecord
    ) -> AppliedRecord:
        """Record that the functions are about to be changed: their digests are not valid now.

        Return the record as it is then.
        """

        def begun(current: AppliedRecord) -> AppliedRecord:
            if any(c.owner == owner for c in current.changes):
                return current
            own = RecordedChange(owner=owner, functions=(*functions,), time=current.served)
            return replace(
                current,
                applied=without_functions(current.applied, functions),
                changes=(*current.changes, own),
            )

        return self._update(observed, begun)

    def end(
        self,
        owner: str,
        functions: Collection[str],
        observed: AppliedRecord,
        applied: AppliedState | None,
        *,
        begun: AppliedRecord | None = None,
    ) -> None:
        """Record the end of the changes, and what was applied unless others interfered.

        ``begun`` is what ``begin`` returned: it is read again only if others have written since.
        """

        def ended(current: AppliedRecord) -> AppliedRecord:
            is_known = any(c.owner == owner for c in current.changes)
            interfered = current.may_have_changed_since(observed, functions, owner)
            is_valid = applied is not None and is_known and not interfered
            return replace(
                current,
                applied=(
                    *without_functions(current.applied, functions),
                    *((applied,) if applied is not None and is_valid else ()),
                ),
                changes=tuple(
                    replace(c, has_ended=c.has_ended or c.owner == owner) for c in current.changes
                ),
            )

        self._update(begun or self.read(), ended)

    def confirm(self, observed: AppliedRecord, applied: AppliedState) -> None:
        """Record that all was read and found as desired, unless it may have changed since."""

        def confirmed(current: AppliedRecord) -> AppliedRecord:
            if current.may_have_changed_since(observed, applied.functions, ""):
                return current
            others = without_functions(current.applied, applied.functions)
            return replace(current, applied=(*others, applied))

        self._update(observed, confirmed)

    def forget(self, observed: AppliedRecord, functions: Collection[str]) -> None:
        """Remove the digests of the functions, so that the next deployment reads everything."""
        self._update(
            observed, lambda c: replace(c, applied=without_functions(c.applied, functions))
        )

    def _update(
        self, observed: AppliedRecord, change: Callable[[AppliedRecord], AppliedRecord]
    ) -> AppliedRecord:
        """Write the changed record; read and change it again if another process was faster.

        Return the record as it is then.
        """
        current = observed

        def is_written() -> bool:
            nonlocal current
            changed = change(current)
            if changed == current:
                return True
            etag = self._put(changed)
            current = replace(changed, etag=etag) if etag else self.read()
            return bool(etag)

        waiter = Waiter(timeout=300, first_delay=0.02, max_delay=1)
        waiter.wait_until(is_written, f"others that write s3://{self.bucket}/{RECORD_KEY}")
        return current

    def _put(self, record: AppliedRecord) -> str:
        """Return the ETag of the written record; empty if another process was faster."""
        with errors.translate_errors("record the deployment"):
            try:
                if record.etag:
                    response = self.s3.put_object(
                        Bucket=self.bucket,
                        Key=RECORD_KEY,
                        Body=_encode(record),
                        IfMatch=record.etag,
                    )
                else:
                    response = self.s3.put_object(
                        Bucket=self.bucket, Key=RECORD_KEY, Body=_encode(record), IfNoneMatch="*"
                    )
            except ClientError as error:
                if errors.error_code(error) not in CONDITION_FAILED_CODES | NOT_FOUND_CODES:
                    raise
                return ""
        return response["ETag"]


def _served(response: Mapping[str, object]) -> datetime:
    """Return S3's time of a response."""
    metadata: Mapping[str, Mapping[str, str]] = response["ResponseMetadata"]  # type: ignore[assignment]
    return parsedate_to_datetime(metadata["HTTPHeaders"]["date"])


def _encode(record: AppliedRecord) -> bytes:
    """Return the object's content; ``write`` makes every write different, and with it the ETag."""
    fields = {
        "format": 1,
        "write": uuid.uuid4().hex,
        "applied": applied_to_json(record.applied, record.served),
        "changes": [
            {
                "owner": c.owner,
                "functions": c.functions,
                "time": c.time.timestamp(),
                "ended": c.has_ended,
            }
            for c in record.changes
            if record.served - c.time <= CHANGES_KEPT
        ],
    }
    return json.dumps(fields).encode()


def _parse(text: bytes, *, etag: str, served: datetime) -> AppliedRecord:
    """Return the record; without digests if another release has written it differently."""
    try:
        fields = json.loads(text)
        changes = tuple(
            RecordedChange(
                owner=str(change["owner"]),
                functions=tuple(map(str, change["functions"])),
                time=datetime.fromtimestamp(float(change["time"]), UTC),
                has_ended=change["ended"] is True,
            )
            for change in fields["changes"]
        )
        applied = parse_applied(fields["applied"])
    except (KeyError, OSError, OverflowError, TypeError, ValueError):
        return AppliedRecord(served=served, etag=etag)
    return AppliedRecord(served=served, etag=etag, applied=applied, changes=changes)

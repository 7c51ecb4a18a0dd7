"""Find and record the digest of one deployment, that is of a set of functions."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.deploy.applied import AppliedState
from scar.aws.deploy.recorded_changes import RecordedChanges
from scar.errors import ScarError

if TYPE_CHECKING:
    from scar.aws.deploy.applied_record import AppliedRecord, AppliedRecords
    from scar.aws.deploy.lock_record import LockState


@dataclass(frozen=True, slots=True)
class DeploymentDigests:
    """The digests of what was applied to exactly these functions."""

    records: AppliedRecords
    functions: tuple[str, ...]

    def find(self, lock: LockState, record: AppliedRecord) -> AppliedState | None:
        """Return what was applied last, if it is trusted."""
        if lock.unfinished.keys() & {*self.functions}:
            return None
        return record.find_applied(self.functions, generation_of(lock))

    def record_changes(self, observed: AppliedRecord) -> RecordedChanges:
        """Return the context in which the functions may be changed."""
        return RecordedChanges(self.records, self.functions, observed)

    def confirm(self, digest: str, lock: LockState, observed: AppliedRecord) -> None:
        """Record that all resources were read, after the two, and found as desired.

        Without an error if that fails: the next deployment then reads everything again.
        """
        found, generation = self.find(lock, observed), generation_of(lock)
        if not (digest and generation) or (found is not None and found.digest == digest):
            return
        applied = AppliedState(
            digest=digest, time=observed.served, functions=self.functions, generation=generation
        )
        with contextlib.suppress(ScarError):
            self.records.confirm(observed, applied)

    def forget(self, observed: AppliedRecord) -> bool:
        """Make the next deployment read everything; return whether that was possible."""
        try:
            self.records.forget(observed, self.functions)
        except ScarError:
            return False
        return True


def generation_of(lock: LockState) -> str:
    """Return the generation of the shared resources, empty while they may be changing."""
    return lock.generation if lock.is_released else ""

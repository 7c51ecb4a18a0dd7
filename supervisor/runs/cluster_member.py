"""The record of one member of a cluster; every write is conditional."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.errors import ClaimLost, PreconditionFailed
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef
from supervisor.runs import cluster_record

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.model import WriteCondition
    from supervisor.ports import ObjectStore
    from supervisor.runs.cluster_record import MemberRecord


@dataclass(slots=True, kw_only=True)
class ClusterMember:
    """Reads and writes one member's record for its job. Methods raise StorageError, RecordError.

    SubmitJob has no idempotency token: if its response is lost, the SDK may submit a second job of
    the same id, which finds the record of the first.
    """

    store: ObjectStore
    bucket: str
    key: str
    content: MemberRecord
    _etag: str = field(default="", init=False)

    def claim(self) -> bool:
        """Become this member; False if another job is, or was. A later attempt takes over."""
        found = self.store.read(self._ref)
        condition: WriteCondition = IfNoneMatch()
        if found is not None:
            held = cluster_record.parse_member(found[0], self.key).owner
            mine = self.content.owner
            if held.job != mine.job or held.attempt >= mine.attempt:
                return False
            condition = IfMatch(found[1].etag)
        try:
            self._write(condition)
        except PreconditionFailed:
            return False
        return True

    def renew(self) -> None:
        """Write the record again: its time shows that the member is alive. Raise ClaimLost."""
        try:
            self._write(IfMatch(self._etag))
        except PreconditionFailed as error:
            raise ClaimLost(
                f"The record {self.key} belongs to another attempt, or was deleted.",
                remedy="Nothing to do: the cluster continues without this job.",
            ) from error

    def set_address(self, address: str) -> None:
        """Publish where the scheduler listens."""
        self.content = replace(self.content, address=address)
        self.renew()

    def close(self, state: str, error: SupervisorError | None) -> None:
        """Write how the process has ended; ``state`` is ``ended`` or ``failed``."""
        self.content = replace(
            self.content,
            state=state,
            problem=error.problem if error else "",
            remedy=error.remedy if error else "",
        )
        self.renew()

    @property
    def _ref(self) -> ObjectRef:
        return ObjectRef("s3", self.bucket, self.key)

    def _write(self, condition: WriteCondition) -> None:
        stored = self.store.write(self._ref, self.content.encode(), condition=condition)
        self._etag = stored.etag

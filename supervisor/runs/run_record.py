"""The record of one run in the state bucket: every write conditional, every crash survivable."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from supervisor.errors import ClaimLost, PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef
from supervisor.runs import leases
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from supervisor.errors import SupervisorError
    from supervisor.invocation import RunOwner, RunPath
    from supervisor.model import WriteCondition
    from supervisor.ports import ObjectStore

# A claim can change between reading and writing it; somebody is alive then.
MAX_WRITE_ATTEMPTS = 3


@dataclass(slots=True, kw_only=True)
class RunRecord:
    """One run's record, as one owner sees it. Methods raise StorageError and RecordError.

    ``about`` is what ``records.about`` says of the run, ``lease`` for how many seconds a claim
    holds; ``has_ended`` tells whether a Batch job is known to be over.
    """

    store: ObjectStore
    bucket: str
    run: RunPath
    owner: RunOwner
    description: Mapping[str, object] = field(default_factory=dict)
    lease: float = leases.JOB_LEASE
    has_job_ended: Callable[[str], bool] = lambda _job: False
    _error_etag: str = field(default="", init=False)
    _claim_etag: str = field(default="", init=False)

    def claim(self) -> bool:
        """Make the run this owner's; False if it is done, or somebody else may work on it."""
        body = self._build_claim()
        # Whoever delegated this job left a claim: look first. Everybody else is most likely first.
        look_first = bool(self.owner.job)
        for _ in range(MAX_WRITE_ATTEMPTS):
            condition: WriteCondition | None = IfNoneMatch()
            if look_first:
                condition = self._takeover_condition()
                if condition is None:
                    return False
            try:
                stored = self.store.write(
                    self._record_ref(records.CLAIM), body, condition=condition
                )
            except PreconditionFailed:
                look_first = True
            else:
                self._claim_etag = stored.etag
                return True
        return False

    def resume_claim(self) -> bool:
        """As ``claim``, for who speaks for the owner that died: its claim is left as it is.

        That keeps the run's five writes, and its lease from beginning anew.
        """
        ref = self._record_ref(records.CLAIM)
        found = self.store.read(ref)
        if found is None or records.parse_owner(records.decode(found[0], ref.key), ref.key) != (
            self.owner
        ):
            return self.claim()
        if self.store.head(self._record_ref(records.DONE)) is not None:
            return False
        if self._read_owner(records.DELEGATED)[0] == self.owner:
            return False
        self._claim_etag = found[1].etag
        return True

    def renew(self) -> None:
        """Start the lease anew; raise ClaimLost if somebody else has taken the run over."""
        ref = self._record_ref(records.CLAIM)
        try:
            stored = self.store.write(ref, self._build_claim(), condition=IfMatch(self._claim_etag))
        except PreconditionFailed as error:
            raise ClaimLost(
                f"The run {self.run} was taken over: its claim was not renewed in time.",
                remedy="Nothing is lost; whoever took over goes on with it.",
            ) from error
        self._claim_etag = stored.etag

    def write_submission(
        self,
        job_name: str,
        job: str,
        reason: SupervisorError | None = None,
        log: Mapping[str, object] | None = None,
    ) -> None:
        """Note which Batch job goes on with the run, why, and where Lambda's log is.

        A later submission replaces the note.
        """
        data: dict[str, object] = {
            "owner": records.owner_to_json(self.owner),
            "job": job,
            "name": job_name,
            **(log or {}),
        }
        if reason is not None:
            data |= {"kind": type(reason).__name__, "problem": reason.problem}
        self._overwrite_record(records.DELEGATED, records.encode(data), "")

    def write_attempt(self, log_group: str, log_stream: str) -> None:
        """Note where this attempt's log is: Batch forgets finished jobs."""
        data = {
            "owner": records.owner_to_json(self.owner),
            "log_group": log_group,
            "log_stream": log_stream,
        }
        self._overwrite_record(records.attempt_name(self.owner.attempt), records.encode(data), "")

    def write_event(self, text: str) -> ObjectRef:
        """Keep an event that is too large for a job's environment; return where."""
        ref = self._record_ref(records.EVENT)
        try:
            self.store.write(ref, text.encode("utf-8", "surrogatepass"), condition=IfNoneMatch())
        except PreconditionFailed:
            return ref  # the same run's event, from an earlier delivery
        return ref

    def write_failure(self, error: SupervisorError, log_group: str, log_stream: str) -> None:
        """Note the failure, in place of the note of an earlier one."""
        data = {
            "owner": records.owner_to_json(self.owner),
            "kind": type(error).__name__,
            "problem": error.problem,
            "remedy": error.remedy,
            "log_group": log_group,
            "log_stream": log_stream,
        }
        self._overwrite_record(records.ERROR, records.encode(data), self._error_etag)

    def write_done(self, state: str, outputs: Iterable[records.UploadedObject] = ()) -> None:
        """Write the manifest, last of all; quiet if a twin was faster."""
        data: dict[str, object] = {
            "owner": records.owner_to_json(self.owner),
            "state": state,
            "outputs": [asdict(output) for output in outputs],
        }
        try:
            self.store.write(
                self._record_ref(records.DONE), records.encode(data), condition=IfNoneMatch()
            )
        except PreconditionFailed:
            return

    def _takeover_condition(self) -> WriteCondition | None:
        if self.store.head(self._record_ref(records.DONE)) is not None:
            return None
        ref = self._record_ref(records.CLAIM)
        found = self.store.read(ref)
        if found is None:
            return IfNoneMatch()
        data, stored = found
        claim = records.decode(data, ref.key)
        held, seconds = records.parse_owner(claim, ref.key), leases.parse_lease(claim, ref.key)
        gone = self._is_owner_gone(held) or (
            leases.is_expired(seconds, stored) and self._is_inactive(held)
        )
        return IfMatch(stored.etag) if gone else None

    def _is_inactive(self, held: RunOwner) -> bool:
        """Tell whether nothing goes on for an owner whose lease is over.

        A request that handed the run to Batch has done its part: its job may wait for days.
        """
        if held.job:
            return True
        found = self._read_record(records.DELEGATED)
        if found is None or records.parse_owner(found, records.DELEGATED) != held:
            return True
        return self.has_job_ended(str(found.get("job", "")))

    def _is_owner_gone(self, held: RunOwner) -> bool:
        failed, self._error_etag = self._read_owner(records.ERROR)
        if not records.may_take_over(held, self.owner, failed):
            return False
        # The same request may arrive twice although nothing failed: its job is enough.
        return held != self.owner or self._read_owner(records.DELEGATED)[0] != self.owner

    def _build_claim(self) -> bytes:
        claim = {"owner": records.owner_to_json(self.owner), "run": str(self.run)}
        return records.encode({**claim, "lease": self.lease, **self.description})

    def _read_record(self, name: str) -> dict[str, object] | None:
        ref = self._record_ref(name)
        found = self.store.read(ref)
        return None if found is None else records.decode(found[0], ref.key)

    def _read_owner(self, name: str) -> tuple[RunOwner | None, str]:
        """Return who wrote a record, and its ETag."""
        ref = self._record_ref(name)
        found = self.store.read(ref)
        if found is None:
            return None, ""
        data, stored = found
        return records.parse_owner(records.decode(data, ref.key), ref.key), stored.etag

    def _overwrite_record(self, name: str, body: bytes, etag: str) -> None:
        """Write over what is there, seen (``etag``) or not; the last writer holds the claim."""
        ref = self._record_ref(name)
        condition: WriteCondition = IfMatch(etag) if etag else IfNoneMatch()
        for _ in range(MAX_WRITE_ATTEMPTS):
            try:
                self.store.write(ref, body, condition=condition)
            except PreconditionFailed:
                there = self.store.head(ref)
                condition = IfNoneMatch() if there is None else IfMatch(there.etag)
            else:
                return
        raise StorageError(
            f"{ref} changes all the time.", remedy="Look for two runs of the same event."
        )

    def _record_ref(self, name: str) -> ObjectRef:
        return ObjectRef("s3", self.bucket, self.run.key(name))

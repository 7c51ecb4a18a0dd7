"""The record of one run in the state bucket: its claim, and how it continued and ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.errors import ClaimLost, PreconditionFailed, ScriptFailed
from supervisor.model import IfMatch, IfNoneMatch
from supervisor.runs import leases, record_format
from supervisor.runs.record_objects import MAX_WRITE_ATTEMPTS, RecordObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from supervisor.errors import SupervisorError
    from supervisor.invocation import RunJob, RunOwner, RunPath
    from supervisor.model import ObjectRef, WriteCondition
    from supervisor.ports import ObjectStore
    from supervisor.results import LeftOut
    from supervisor.runs.waiting import FallbackCause, WaitingSubmission


@dataclass(slots=True, kw_only=True)
class RunRecord:
    """Reads and writes one run's record for one owner. Methods raise StorageError, RecordError.

    ``description`` becomes part of the claim (``record_format.describe_trigger``), ``lease`` is
    in seconds, ``has_job_ended`` returns whether a Batch job has ended. ``job``: this process is a
    job that may be submitted again.
    """

    store: ObjectStore
    bucket: str
    run: RunPath
    owner: RunOwner
    description: Mapping[str, object] = field(default_factory=dict)
    lease: float = leases.JOB_LEASE
    has_job_ended: Callable[[str], bool] = lambda _job: False
    job: RunJob | None = None
    _objects: RecordObjects = field(init=False)
    _error_etag: str = field(default="", init=False)
    _claim_etag: str = field(default="", init=False)
    _is_new: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._objects = RecordObjects(self.store, self.bucket, self.run)

    def claim(self) -> bool:
        """Claim the run for this owner; False if it is done or another owner may execute it."""
        body = self._build_claim()
        # The request that submitted a job left a claim: read it first. A Lambda request is most
        # likely the first owner: one conditional write, without a read, is then enough.
        must_read = bool(self.owner.job)
        for _ in range(MAX_WRITE_ATTEMPTS):
            condition = self._takeover_condition() if must_read else IfNoneMatch()
            if condition is None:
                return False
            try:
                stored = self._objects.write(record_format.CLAIM, body, condition)
            except PreconditionFailed:
                # Another process claimed the run between the read and the write, or before: the
                # decision is made again from what is stored now.
                must_read = True
            else:
                self._claim_etag = stored.etag
                self._is_new = isinstance(condition, IfNoneMatch)
                return True
        return False

    def resume_claim(self) -> bool:
        """Claim the run in the name of an owner that ended; its own claim remains unchanged.

        That saves a write (a run has at most five) and keeps the lease from starting again.
        """
        held, etag = self._objects.read_owner(record_format.CLAIM)
        # Without a claim, the sandbox ended before its first write.
        if held != self.owner:
            return self.claim()
        if self._objects.head(record_format.DONE) is not None:
            return False
        # The sandbox ended after SubmitJob: its job continues the run.
        if self._objects.read_owner(record_format.DELEGATED)[0] == self.owner:
            return False
        self._claim_etag = etag
        return True

    def renew(self) -> None:
        """Start the lease again; raise ClaimLost if another owner has taken over the run."""
        # The ETag of the last write of this owner: any takeover since has changed it.
        condition = IfMatch(self._claim_etag)
        try:
            stored = self._objects.write(record_format.CLAIM, self._build_claim(), condition)
        except PreconditionFailed as error:
            raise ClaimLost(
                f"The run {self.run} was taken over: its claim was not renewed in time.",
                remedy="Nothing to do: the other attempt continues the run.",
            ) from error
        self._claim_etag = stored.etag

    def write_submission(
        self,
        job_name: str,
        job: str,
        cause: FallbackCause | None = None,
        log: Mapping[str, object] | None = None,
        number: int = 1,
        size: Mapping[str, object] | None = None,
    ) -> None:
        """Record which Batch job continues the run, why, and where the log until then is.

        A later submission of the run's first job replaces the record; ``number`` of another.
        ``size``: what the job requests instead of its definition's (``job_request.describe_size``).
        """
        data: dict[str, object] = {
            "owner": record_format.owner_to_json(self.owner),
            "job": job,
            "name": job_name,
            **(log or {}),
            **(size or {}),
        }
        if cause is not None:
            data |= {"kind": cause.kind, "problem": cause.problem}
        name = record_format.submission_name(number)
        self._objects.overwrite(name, record_format.encode(data))

    def check_claim(self) -> None:
        """Raise ClaimLost if another owner has taken over, such as a job that was not confirmed.

        What is recorded afterwards would count as newer than the facts about that owner.
        """
        held = self._objects.read_owner(record_format.CLAIM)[0]
        if held is not None and held != self.owner:
            by = f"Batch job {held.job}" if held.job else f"request {held.request}"
            raise ClaimLost(
                f"The run {self.run} was taken over by {by}.",
                remedy="Nothing to do: it continues the run.",
            )

    def write_waiting(
        self, waiting: WaitingSubmission, error: SupervisorError, log: Mapping[str, object]
    ) -> None:
        """Record that nothing is known to be submitted, and what the next attempt submits."""
        data = {
            "owner": record_format.owner_to_json(self.owner),
            "kind": type(error).__name__,
            "problem": error.problem,
            **log,
            **waiting.to_record(),
        }
        self._objects.overwrite(record_format.WAITING, record_format.encode(data))

    def read_waiting(self) -> WaitingSubmission | None:
        """Return the submission that an earlier attempt of this owner could not make, or None.

        Costs no request for a run that this owner is the first to claim.
        """
        from supervisor.runs.waiting import parse_waiting

        if self._is_new:
            return None
        key = self._objects.ref(record_format.WAITING).key
        found = self._objects.read(record_format.WAITING)
        if found is None or record_format.parse_owner(found[0], key) != self.owner:
            return None
        return parse_waiting(found[0], key)

    def write_attempt(self, log: Mapping[str, object]) -> None:
        """Record where this attempt's log is: Batch deletes ended jobs after some days."""
        data = {"owner": record_format.owner_to_json(self.owner), **log}
        name = record_format.attempt_name(self.owner, self.job.number if self.job else 1)
        self._objects.overwrite(name, record_format.encode(data))

    def write_event(self, text: str) -> ObjectRef:
        """Store an event that is too large for the claim or the job; return its object."""
        # An earlier delivery of the same event may have stored it.
        self._objects.write_once(record_format.EVENT, text.encode("utf-8", "surrogatepass"))
        return self._objects.ref(record_format.EVENT)

    def keep_event(self, text: str) -> None:
        """Store the event for `scar retry` if it is too large for the claim."""
        if len(text) > record_format.MAX_INLINE_EVENT:
            self.write_event(text)

    def write_failure(self, error: SupervisorError, log: Mapping[str, object]) -> None:
        """Record the failure; it replaces that of an earlier attempt."""
        data = {
            "owner": record_format.owner_to_json(self.owner),
            "kind": type(error).__name__,
            "problem": error.problem,
            "remedy": error.remedy,
            **log,
            **(error.record if isinstance(error, ScriptFailed) else {}),
        }
        self._objects.overwrite(record_format.ERROR, record_format.encode(data), self._error_etag)

    def write_done(
        self,
        state: str,
        outputs: Iterable[record_format.UploadedObject] = (),
        left_out: Iterable[LeftOut] = (),
        *,
        input_absent: bool = False,
    ) -> None:
        """Write the manifest as the last object; do nothing if a duplicate has written it.

        ``input_absent``: the run is superseded by nothing, its input does not exist.
        """
        data: dict[str, object] = {
            "owner": record_format.owner_to_json(self.owner),
            "state": state,
            "outputs": [output.to_json() for output in outputs],
            **_describe_left_out(left_out),
            **({record_format.INPUT_ABSENT: True} if input_absent else {}),
        }
        self._objects.write_once(record_format.DONE, record_format.encode(data))

    def _takeover_condition(self) -> WriteCondition | None:
        """Return the condition of the claim's write; None if the run must not be taken over."""
        if self._objects.head(record_format.DONE) is not None:
            return None
        found = self._objects.read(record_format.CLAIM)
        if found is None:
            return IfNoneMatch()
        # The ETag makes the takeover atomic: the write fails if the owner renews its claim after
        # this read, or if another process takes over first.
        claim, stored = found
        key = self._objects.ref(record_format.CLAIM).key
        held = record_format.parse_owner(claim, key)
        if record_format.is_own_job(held, self.owner):
            return None
        seconds = leases.parse_lease(claim, key)
        may_take_over = self._has_owner_ended(held) or (
            leases.is_expired(seconds, stored) and self._is_inactive(held, claim)
        )
        return IfMatch(stored.etag) if may_take_over else None

    def _is_inactive(self, held: RunOwner, claim: Mapping[str, object]) -> bool:
        """Return whether nothing executes the run for an owner whose lease has expired.

        A request or job that submitted the run to Batch has ended, but the job may wait for days.
        """
        name = record_format.DELEGATED
        if held.job:  # a running job would have renewed its lease
            number = claim.get("job_number")
            if not isinstance(number, int):
                return True
            name = record_format.submission_name(number + 1)
        found = self._objects.read(name)
        if found is None or record_format.parse_owner(found[0], name) != held:
            return True
        return self.has_job_ended(str(found[0].get("job", "")))

    def _has_owner_ended(self, held: RunOwner) -> bool:
        failed, self._error_etag = self._objects.read_owner(record_format.ERROR)
        if self.job is not None:
            if self.job.previous == (held.job, held.attempt):
                return True
            if held.job == self.owner.job and self._has_next_job(self.job.number):
                return False
        if not record_format.may_take_over(held, self.owner, failed):
            return False
        # The same request may be delivered twice although nothing failed. If the first delivery
        # submitted a job, a second job would be submitted here.
        return (
            held != self.owner or self._objects.read_owner(record_format.DELEGATED)[0] != self.owner
        )

    def _has_next_job(self, number: int) -> bool:
        """Return whether an earlier attempt of this job has submitted the next one."""
        submitter = self._objects.read_owner(record_format.submission_name(number + 1))[0]
        return submitter is not None and submitter.job == self.owner.job

    def _build_claim(self) -> bytes:
        claim: dict[str, object] = {
            "owner": record_format.owner_to_json(self.owner),
            "run": str(self.run),
        }
        if self.job is not None:
            claim["job_number"] = self.job.number
        return record_format.encode({**claim, "lease": self.lease, **self.description})


def _describe_left_out(items: Iterable[LeftOut]) -> dict[str, object]:
    # Readers accept its absence: records of earlier releases never have it.
    listed = [item.to_json() for item in items]
    return {"left_out": listed} if listed else {}

"""Which runs of an invocation record really belong to the function that the record names.

The role of every function may invoke the failure handler: an on-failure destination needs that. So
an invocation record may come from any function, with any content, and the handler, whose role may
start jobs of all functions, must not work for a function because a record says so. A run is
confirmed by what other functions cannot write:

- its claim. Only the function's own roles may write below ``runs/<function>/``. The claim must name
  the failed request as its owner, and the event must be the one that the claim has (or whose
  digest it has);
- if the sandbox ended before its claim: an object that exists and is an input of the function as
  deployed. The event is then built from the object's own properties. Only the sequencer, the
  version id and the time are the record's: they are in the run's id. A forged one must not start
  runs without end, so each version of an object is recovered as one run only, which a record among
  the handler's own runs names. Only a run that is submitted is named there, and while it has no job
  the next record continues it: a forged record cannot keep a genuine one from its job. A failure is
  recorded only if the function has no run of this version. The sequencer of such a run is never
  compared with others (``scar-recovered`` in the metadata of its outputs).

Anything else is not confirmed: nothing is started, and nothing is recorded for the function.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from supervisor.errors import (
    PreconditionFailed,
    SubmissionError,
    SubmissionThrottled,
    SubmissionUnanswered,
)
from supervisor.events.failed_event import rebuild_object_event
from supervisor.events.parser import S3
from supervisor.invocation import ObjectEvent, RunOwner, RunPath
from supervisor.model import ComputeService, IfNoneMatch, ObjectRef
from supervisor.runs import record_format
from supervisor.runs.record_objects import RecordObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from supervisor.events.failed_event import FailedInvocation
    from supervisor.invocation import Trigger
    from supervisor.model import FunctionConfig, StoredObject
    from supervisor.ports import ObjectStore

# The kinds of recorded failures after which another submission may succeed.
RESUBMITTED = frozenset(
    kind.__name__ for kind in (SubmissionError, SubmissionThrottled, SubmissionUnanswered)
)
DAY = 86_400
# A run has the date of its event. That of an object in parts, which S3 dates by the beginning of
# its upload, may be days later.
LISTED_DAYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedRun:
    """A run of the function. ``claim`` is that of ``owner``, in whose name it continues; or empty.

    ``owner`` is the failed request, or the one of an earlier record of the same object.
    """

    path: RunPath
    trigger: Trigger
    claim: Mapping[str, object]
    owner: RunOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class UnconfirmedRun:
    """A run for which nothing is done. ``is_duplicate``: another request is responsible for it."""

    path: RunPath
    reason: str
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvidence:
    """Confirms the runs of one invocation record; ``config`` None: the function is not deployed.

    ``store`` is that of the state ``bucket``; ``find_object`` returns an object that exists now.
    ``list_objects`` lists the objects below a key. ``own_name`` and ``own_owner`` are the handler's
    function and its own request. ``can_submit``: a run without a claim is submitted to Batch.
    """

    own_name: str
    own_owner: RunOwner

    failed: FailedInvocation
    config: FunctionConfig | None
    store: ObjectStore
    bucket: str
    find_object: Callable[[ObjectRef], StoredObject | None]
    list_objects: Callable[[ObjectRef], Mapping[str, StoredObject]]
    can_submit: Callable[[Trigger], bool]
    now: float

    def confirm(self, trigger: Trigger) -> ConfirmedRun | UnconfirmedRun:
        """Look for the run's claim, then for its object; raise StorageError, RecordError."""
        path, claim = self._find_claim(trigger)
        if claim is not None and self._is_claimed_event(path, trigger.event, claim[0]):
            return self._confirmed(path, trigger, claim[0])
        # Usually the other request executes the run, or its failure has an invocation record of its
        # own. If it was lost, `RunRecord.claim` permits a takeover after its lease.
        is_others = claim is not None and not self._is_claimed_here(path, claim[0])
        if claim and is_others and self._has_failed(path) and not self._was_retried(path, claim[1]):
            return UnconfirmedRun(
                path=path, reason="The run of another request has failed.", is_duplicate=True
            )
        if isinstance(trigger, ObjectEvent):
            return self._confirm_object(path, trigger, claim[0] if claim else None)
        return UnconfirmedRun(path=path, reason="The request has not claimed this event.")

    def read_record(self, path: RunPath, name: str) -> tuple[dict[str, object], float] | None:
        """Return an object of the record and when it was written (epoch seconds)."""
        found = RecordObjects(self.store, self.bucket, path).read(name)
        return None if found is None else (found[0], found[1].last_modified)

    def _find_claim(
        self, trigger: Trigger
    ) -> tuple[RunPath, tuple[dict[str, object], float] | None]:
        paths = list(dict.fromkeys(self._possible_paths(trigger)))
        for path in paths:
            if (found := self.read_record(path, record_format.CLAIM)) is not None:
                return path, found
        return paths[0], None

    def _possible_paths(self, trigger: Trigger) -> Iterator[RunPath]:
        """Yield the folders of the run; that of a direct run has the date of its first attempt."""
        function, request = self.failed.function, self.failed.request_id
        for day in self._possible_dates():
            yield record_format.run_path(function, trigger, request, day, ("", ""))

    def _possible_dates(self) -> Iterator[str]:
        """Yield the date of the failure and the one before: attempts may cross midnight."""
        try:
            day = date.fromisoformat(self.failed.time[:10])
        except ValueError:
            day = date.fromtimestamp(self.now)  # noqa: DTZ012 - Lambda's zone is UTC
        yield day.isoformat()
        if day > date.min:
            yield (day - timedelta(days=1)).isoformat()

    def _is_claimed_here(self, path: RunPath, claim: dict[str, object]) -> bool:
        owner = record_format.parse_owner(claim, path.key(record_format.CLAIM))
        return owner.request == self.failed.request_id

    def _is_claimed_event(self, path: RunPath, event: str, claim: dict[str, object]) -> bool:
        """Return whether the failed request has claimed the run with exactly this event."""
        if not self._is_claimed_here(path, claim):
            return False
        digest = record_format.event_digest(event)
        if (claimed_digest := claim.get("event_sha256")) is not None:
            return claimed_digest == digest
        claimed = claim.get("event")
        if claimed is None:  # a large event, claimed by a release that did not write its digest
            ref = ObjectRef("s3", self.bucket, path.key(record_format.EVENT))
            found = self.store.read(ref)
            claimed = None if found is None else found[0].decode(errors="replace")
        return isinstance(claimed, str) and record_format.event_digest(claimed) == digest

    def _has_failed(self, path: RunPath) -> bool:
        """Return whether the run has an error: no record may start it again, but its user may."""
        return self.read_record(path, record_format.ERROR) is not None

    def _was_retried(self, path: RunPath, since: float) -> bool:
        """Return whether ``scar retry`` sent the event again: then another request may fail."""
        retry = self.read_record(path, record_format.RETRY)
        return retry is not None and retry[1] >= since

    def _confirm_object(
        self, path: RunPath, trigger: ObjectEvent, claim: dict[str, object] | None
    ) -> ConfirmedRun | UnconfirmedRun:
        found = self._find_input(trigger)
        if isinstance(found, str):
            return UnconfirmedRun(path=path, reason=found)
        rebuilt = rebuild_object_event(trigger, found)
        run = record_format.run_path(
            self.failed.function, rebuilt, self.failed.request_id, path.date, ("", "")
        )
        if run != path:  # a sequencer or version id that S3 would not send
            return UnconfirmedRun(path=path, reason="The record is not one of S3's events.")
        if claim is None:
            return self._confirm_unclaimed(run, rebuilt, found)
        if not self._is_claimed_here(run, claim):
            return self._confirmed(run, rebuilt, None)
        if self._is_claimed_event(run, rebuilt.event, claim):
            return self._confirmed(run, rebuilt, claim)
        return UnconfirmedRun(path=path, reason="The request has claimed another event.")

    def _confirm_unclaimed(
        self, run: RunPath, trigger: ObjectEvent, stored: StoredObject
    ) -> ConfirmedRun | UnconfirmedRun:
        if self.can_submit(trigger):
            return self._continue_recovered(self._reserve(run, trigger.source, stored), trigger)
        if self._has_other_run(run, trigger, stored):
            return UnconfirmedRun(
                path=run, reason="The function may have a run of the object, or it is old."
            )
        return self._confirmed(run, trigger, None)

    def _find_input(self, trigger: ObjectEvent) -> StoredObject | str:
        """Return the object if it is an input of the function and unchanged, else why not."""
        source = trigger.source
        if trigger.manual_run_id:
            return "The request has not claimed this manual run."
        if source.provider != S3:
            return f"The request has not claimed {source}, which is not an object of Amazon S3."
        config = self.config
        if config is None or not any(
            config.store_name(rule.provider) == S3 and rule.matches(source.bucket, source.key)
            for rule in config.inputs
        ):
            return f"{source} is not an input of the function as deployed."
        found = self.find_object(source)
        if found is None or trigger.version.etag != found.etag:
            return f"{source} does not exist, or was overwritten since."
        return found

    def _confirmed(
        self, path: RunPath, trigger: Trigger, claim: Mapping[str, object] | None
    ) -> ConfirmedRun:
        owner = RunOwner(site=ComputeService.LAMBDA, request=self.failed.request_id)
        return ConfirmedRun(path=path, trigger=trigger, claim=claim or {}, owner=owner)

    def _continue_recovered(
        self, run: RunPath, trigger: ObjectEvent
    ) -> ConfirmedRun | UnconfirmedRun:
        """Continue the only run of this version, in the name of the record that began it.

        That record may be forged, and sent once only: if its submission failed, no other record
        would cause another attempt.
        """
        claim = self.read_record(run, record_format.CLAIM)
        if claim is None:
            return self._confirmed(run, trigger, None)
        owner = record_format.parse_owner(claim[0], run.key(record_format.CLAIM))
        error = self.read_record(run, record_format.ERROR)
        has_failed = error is not None and error[0].get("kind") not in RESUBMITTED
        if owner.job or has_failed or self.read_record(run, record_format.DELEGATED) is not None:
            return UnconfirmedRun(
                path=run, reason="The object was recovered before.", is_duplicate=True
            )
        return ConfirmedRun(path=run, trigger=trigger, claim=claim[0], owner=owner)

    def _has_other_run(self, run: RunPath, trigger: ObjectEvent, stored: StoredObject) -> bool:
        """Return whether the function may have another run of the object since it was written."""
        newest = time.gmtime(self.now + DAY)
        days = [time.gmtime(stored.last_modified + n * DAY) for n in range(-1, LISTED_DAYS)]
        if days[-1] < newest:  # Lambda drops an event within hours
            return True
        dates = [time.strftime("%Y-%m-%d", day) for day in days if day <= newest]
        if run.date not in dates:
            return True
        start = record_format.input_id(run.function, trigger)
        for day in dates:
            folder = RunPath(function=run.function, date=day, run_id=start)
            for key, found in self.list_objects(
                ObjectRef("s3", self.bucket, f"runs/{folder}")
            ).items():
                is_other = not key.startswith(f"runs/{run}/")
                if is_other and found.last_modified >= stored.last_modified:
                    return True
        return False

    def _reserve(self, run: RunPath, source: ObjectRef, stored: StoredObject) -> RunPath:
        """Record as which run this version of the object is recovered; return the first such."""
        version = f"{source}\n{stored.etag}\n{stored.last_modified}"
        path = RunPath(
            function=self.own_name,
            date=time.strftime("%Y-%m-%d", time.gmtime(stored.last_modified)),
            run_id=record_format.event_digest(f"{self.failed.function}\n{version}")[:32],
        )
        ref = ObjectRef("s3", self.bucket, path.key(record_format.DONE))
        record = {
            "owner": record_format.owner_to_json(self.own_owner),
            "state": "done",
            "outputs": [],
            "recovered": str(run),
        }
        try:
            self.store.write(ref, record_format.encode(record), condition=IfNoneMatch())
        except PreconditionFailed:
            found = self.read_record(path, record_format.DONE)
            reserved = str(run if found is None else found[0].get("recovered", run))
            _, day, name = reserved.split("/")
            return RunPath(function=run.function, date=day, run_id=name)
        return run

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
  the handler's own runs names; and it must not outlast newer uploads, so the outputs of such a run
  do not count as newer than others (``scar-recovered`` in their metadata).

Anything else is not confirmed: nothing is started, and nothing is recorded for the function.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from supervisor.errors import PreconditionFailed
from supervisor.events.failed_event import rebuild_object_event
from supervisor.invocation import ObjectEvent, RunPath
from supervisor.model import IfNoneMatch, ObjectRef
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from supervisor.events.failed_event import FailedInvocation
    from supervisor.invocation import RunOwner, Trigger
    from supervisor.model import FunctionConfig, StoredObject
    from supervisor.ports import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedRun:
    """A run of the function. ``claim`` is the claim of the failed request, empty if none."""

    path: RunPath
    trigger: Trigger
    claim: Mapping[str, object]


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
    ``own_name`` and ``own_owner`` are the handler's function and its own request.
    """

    own_name: str
    own_owner: RunOwner

    failed: FailedInvocation
    config: FunctionConfig | None
    store: ObjectStore
    bucket: str
    find_object: Callable[[ObjectRef], StoredObject | None]
    now: float

    def confirm(self, trigger: Trigger) -> ConfirmedRun | UnconfirmedRun:
        """Look for the run's claim, then for its object; raise StorageError, RecordError."""
        paths = list(dict.fromkeys(self._possible_paths(trigger)))
        path, claim = paths[0], None
        for one in paths:
            found = self.read_record(one, record_format.CLAIM)
            if found is not None:
                path, claim = one, found
                break
        if claim is not None and self._is_claimed_event(path, trigger.event, claim[0]):
            return ConfirmedRun(path=path, trigger=trigger, claim=claim[0])
        if claim is not None and not self._is_claimed_here(path, claim[0]):
            # Usually the other request executes the run, or its failure has an invocation record
            # of its own. If it was lost, `RunRecord.claim` permits a takeover after its lease.
            if self._has_failed(path) and not self._was_retried(path, claim[1]):
                return UnconfirmedRun(
                    path=path, reason="The run of another request has failed.", is_duplicate=True
                )
            claim = None
        if isinstance(trigger, ObjectEvent):
            return self._confirm_object(path, trigger, None if claim is None else claim[0])
        return UnconfirmedRun(path=path, reason="The request has not claimed this event.")

    def read_record(self, path: RunPath, name: str) -> tuple[dict[str, object], float] | None:
        """Return an object of the record and when it was written (epoch seconds)."""
        ref = ObjectRef("s3", self.bucket, path.key(name))
        found = self.store.read(ref)
        if found is None:
            return None
        return record_format.decode(found[0], ref.key), found[1].last_modified

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
        if claim is not None and not self._is_claimed_event(run, rebuilt.event, claim):
            return UnconfirmedRun(path=path, reason="The request has claimed another event.")
        if not self._is_only_run(run, trigger.source, found):
            return UnconfirmedRun(
                path=path, reason="The object was recovered as another run.", is_duplicate=True
            )
        return ConfirmedRun(path=run, trigger=rebuilt, claim=claim or {})

    def _find_input(self, trigger: ObjectEvent) -> StoredObject | str:
        """Return the object if it is an input of the function and unchanged, else why not."""
        source = trigger.source
        if trigger.manual_run_id:
            return "The request has not claimed this manual run."
        inputs = () if self.config is None else self.config.inputs
        if not any(rule.matches(source.bucket, source.key) for rule in inputs):
            return f"{source} is not an input of the function as deployed."
        found = self.find_object(source)
        if found is None or trigger.version.etag != found.etag:
            return f"{source} does not exist, or was overwritten since."
        return found

    def _is_only_run(self, run: RunPath, source: ObjectRef, stored: StoredObject) -> bool:
        """Record that this version of the object is recovered as this run; False if as another."""
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
            return found is not None and found[0].get("recovered") == str(run)
        return True

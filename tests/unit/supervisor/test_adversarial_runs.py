"""Deliveries, jobs and crashes in any order: invariants of each run and each output."""

from __future__ import annotations

import json
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from scar.runs.states import FINISHED_STATES, RunState, derive_state
from supervisor.events import response
from supervisor.execution.core import Supervisor
from supervisor.model import ExecutionMode, ObjectRef
from supervisor.runs import leases
from tests.fakes.object_store import Crash, MemoryStore
from tests.fakes.supervisor_factory import (
    KILLED,
    NOW,
    STATE,
    TIMED_OUT,
    PythonScript,
    SupervisorHarness,
    failed_invocation,
    job_invocation,
    lambda_invocation,
    new_failure_handler,
    new_harness,
    notification,
)
from tests.fakes.supervisor_threads import Actor, Turns, actor
from tests.profiles import examples

if TYPE_CHECKING:
    from collections.abc import Container

    from supervisor.errors import SupervisorError
    from supervisor.invocation import Invocation, ProcessSpec

MODES = tuple(ExecutionMode)
LAMBDA_SECONDS = 300.0


class RecordingStore(MemoryStore):
    """Records how often each run created each output, and the order of the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.creations: Counter[tuple[str, str]] = Counter()
        self.sequence: dict[str, list[str]] = {}

    def upload(self, source: Path, ref: ObjectRef, **options: object) -> object:  # type: ignore[override]
        stored = super().upload(source, ref, **options)  # type: ignore[arg-type]
        self.creations[stored.metadata["scar-run"], ref.key] += 1
        self.sequence.setdefault(ref.key, []).append(stored.metadata["scar-sequencer"])
        return stored


@dataclass(frozen=True)
class ScriptStart:
    """An actor started the script of a run; its claim is valid until ``until``, or longer."""

    actor: Actor
    until: float


class Runs(RuleBasedStateMachine):
    """Lambda and Batch with every failure, around the real supervisor and a conditional store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = NOW
        self.store = RecordingStore()
        self.store.clock = lambda: float(int(self.time))
        self.turns = Turns(self.store)
        self.actors: list[Actor] = []
        self.events: list[tuple[int, str]] = []  # version of the input, request id
        self.versions: list[str] = []
        self.jobs: Counter[str] = Counter()
        self.harnesses = {mode: self._new_harness(mode) for mode in MODES}
        self.mode = ExecutionMode.LAMBDA_BATCH
        self.out_of_memory = False
        self.claimed_until: dict[int, float] = {}  # by the number of the actor
        self.scripts: dict[str, list[ScriptStart]] = {}  # by run id
        self.clashes: list[str] = []

    def _new_harness(self, mode: ExecutionMode) -> SupervisorHarness:
        folder = Path(self.folder.name) / mode.value
        folder.mkdir()
        harness = new_harness(
            folder, mode=mode, store=self.store, runner=PythonScript(self._script)
        )
        harness.submitter.name = mode.value
        # A call of the store: until the loss is noticed, the job and others may go on.
        harness.submitter.before_loss = lambda: self.store.head(ObjectRef("s3", STATE, "none"))
        return harness

    def _script(self, task: ProcessSpec) -> int:
        self._note_script(task.environment["SCAR_RUN_ID"])
        if self.out_of_memory and task.environment["SCAR_SITE"] == "lambda":
            return 137
        source = Path(task.environment["INPUT_FILE_PATH"])
        content = source.read_bytes()
        # Different for each version: an ETag is a hash of the content, so a condition cannot tell
        # an output from an equal one of another run.
        (Path(task.environment["TMP_OUTPUT_DIR"]) / "x").write_bytes(content)
        (Path(task.environment["TMP_OUTPUT_DIR"]) / "y").write_bytes(b"y of " + content)
        return 0

    def _note_script(self, run: str) -> None:
        """Record the start of a script, and a clash if another owner's claim is still valid."""
        one = self.turns.actors[threading.get_ident()]
        others = self.scripts.setdefault(run, [])
        self.clashes += [
            f"{run}: {one.invocation.owner} takes over from {other.actor.invocation.owner}"
            for other in others
            # A request or job that runs twice is AWS's business: the first has ended, or may be
            # taken over.
            if other.actor.invocation.owner.request != one.invocation.owner.request
            and not other.actor.has_ended
            and self.time < other.until
        ]
        others.append(ScriptStart(one, self.claimed_until[id(one)]))

    @rule(mode=st.sampled_from(MODES), out_of_memory=st.booleans())
    def a_function_is_deployed(self, mode: ExecutionMode, out_of_memory: bool) -> None:
        self.mode, self.out_of_memory = mode, out_of_memory

    @initialize()
    def the_first_object_arrives(self) -> None:
        self.an_object_arrives()

    @rule()
    def an_object_arrives(self) -> None:
        number = len(self.versions) + 1
        stored = self.store.put("in/x", f"version {number}".encode())
        self.versions.append(stored.etag)
        self.events.append((number, f"request-{number}"))

    @precondition(lambda self: self.events)
    @rule(data=st.data(), again=st.booleans(), skew=st.integers(-300, 300))
    def an_event_is_delivered(self, data: st.DataObject, again: bool, skew: int) -> None:
        """Deliver an event, also twice or out of order; the clock is ``skew`` seconds off."""
        version, request = data.draw(st.sampled_from(self.events))
        name = request if again else f"{request}-duplicate-{len(self.actors)}"
        self._act(self.mode, self._invocation(version, name, skew), skew)

    @rule(throttled=st.integers(1, 4))
    def batch_throttles_requests(self, throttled: int) -> None:
        """Throttle the next requests of each function until their deadline."""
        for harness in self.harnesses.values():
            harness.submitter.throttled = throttled

    @rule(made=st.lists(st.booleans(), min_size=1, max_size=4))
    def responses_of_batch_are_lost(self, made: list[bool]) -> None:
        """Lose the responses of each function's next submissions, with or without a job."""
        for harness in self.harnesses.values():
            harness.submitter.lost = list(made)

    @precondition(lambda self: self._refused())
    @rule(data=st.data(), repeat=st.booleans(), skew=st.integers(-300, 300))
    def lambda_continues_a_failed_invocation(
        self, data: st.DataObject, repeat: bool, skew: int
    ) -> None:
        """Repeat an invocation that ended with an error, or send its record; perhaps again."""
        refused, error = data.draw(st.sampled_from(self._refused()))
        if repeat or not isinstance(refused.supervisor, Supervisor):
            self._repeat(refused)
            return
        payload = json.loads(response.build_error(error))
        self._start_failure_handler(
            refused.supervisor.config.mode,
            refused.invocation,
            (payload["errorType"], payload["errorMessage"]),
            skew,
        )

    @rule(steps=st.integers(1, 9))
    def a_newer_object_arrives_during_a_run(self, steps: int) -> None:
        """The newer run ends first: the older one has read its input, but must not win."""
        overtaken = self._start_newest_run(steps)
        self.an_object_arrives()
        version, request = self.events[-1]
        self._act(ExecutionMode.LAMBDA, self._invocation(version, request))
        self.actors[-1].finish()
        overtaken.finish()

    @rule(steps=st.integers(1, 9))
    def an_event_is_delivered_again_during_its_run(self, steps: int) -> None:
        """S3 sends an event twice: the second has a request id of its own."""
        first = self._start_newest_run(steps)
        version, request = self.events[-1]
        self._act(ExecutionMode.LAMBDA, self._invocation(version, f"{request}-second"))
        self.actors[-1].finish()
        first.finish()

    def _start_newest_run(self, steps: int) -> Actor:
        """Let an object arrive and its run make some store calls."""
        self.an_object_arrives()
        version, request = self.events[-1]
        self._act(ExecutionMode.LAMBDA, self._invocation(version, request))
        started = self.actors[-1]
        for _ in range(steps):
            if not started.has_ended:
                started.step()
        return started

    @precondition(lambda self: self._submitted())
    @rule(data=st.data(), skew=st.integers(-300, 300))
    def a_job_starts(self, data: st.DataObject, skew: int) -> None:
        mode, number = data.draw(st.sampled_from(self._submitted()))
        self._start(mode, number, skew)

    @precondition(lambda self: self._running())
    @rule(data=st.data(), steps=st.integers(1, 8), crashes=st.booleans(), again=st.booleans())
    def an_actor_continues(
        self, data: st.DataObject, steps: int, crashes: bool, again: bool
    ) -> None:
        """Make some store calls, then perhaps crash; AWS may repeat the invocation."""
        chosen = data.draw(st.sampled_from(self._running()))
        for _ in range(steps):
            if not chosen.has_ended:
                chosen.step()
        if crashes and not chosen.has_ended:
            chosen.crash()
            if again:
                self._repeat(chosen)

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def an_actor_ends(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self._running())).finish()

    @precondition(lambda self: self._dead())
    @rule(data=st.data(), skew=st.integers(-300, 300))
    def lambda_notifies_the_failure_handler(self, data: st.DataObject, skew: int) -> None:
        """Send an invocation record some time after the sandbox ended, perhaps several times."""
        dead = data.draw(st.sampled_from(self._dead()))
        error = data.draw(st.sampled_from((TIMED_OUT, KILLED, None)))
        assert isinstance(dead.supervisor, Supervisor)
        self._start_failure_handler(dead.supervisor.config.mode, dead.invocation, error, skew)

    @precondition(lambda self: self.events)
    @rule(data=st.data(), skew=st.integers(-300, 300))
    def a_sandbox_never_starts(self, data: st.DataObject, skew: int) -> None:
        """Send a record of an invocation whose function did not start at all."""
        version, request = data.draw(st.sampled_from(self.events))
        unstarted = self._invocation(version, f"{request}-never-{len(self.actors)}")
        self._start_failure_handler(
            self.mode, unstarted, ("Runtime.ExitError", "exit status 127"), skew
        )

    @rule(seconds=st.sampled_from((1, 59, 361, 901, 90_000)))
    def time_passes(self, seconds: int) -> None:
        """Advance the clock; sandboxes crash at their deadline, jobs may outlast their lease."""
        self.time += seconds
        for one in self._running():
            deadline = one.invocation.deadline
            if deadline is not None and self.time > deadline + 300:
                one.crash()

    @invariant()
    def no_run_creates_an_output_twice(self) -> None:
        assert all(count == 1 for count in self.store.creations.values()), self.store.creations

    @invariant()
    def no_older_input_replaces_a_newer_one(self) -> None:
        for order in self.store.sequence.values():
            assert order == sorted(order)

    @invariant()
    def no_valid_claim_is_taken_over(self) -> None:
        assert self.clashes == []

    @invariant()
    def no_actor_raised_an_error(self) -> None:
        for one in self.actors:
            assert one.error is None or isinstance(one.error, Crash), one.error

    def teardown(self) -> None:
        """Assert that every run has finished, and that all are done after a retry."""
        try:
            for one in self._running():
                one.finish()
            for mode, number in self._submitted():
                self._start(mode, number)
                self.actors[-1].finish()
            for harness in self.harnesses.values():
                harness.submitter.throttled = 0
                harness.submitter.lost = []
            self.time += 200_000
            self._assert_states(FINISHED_STATES)
            self.out_of_memory = False
            for version, request in self.events:
                self._act(ExecutionMode.LAMBDA, self._invocation(version, f"{request}-retry"))
                self.actors[-1].finish()
            if self.events:
                self._assert_states({RunState.DONE})
                assert self.store.keys()["out/x"] == self.store.keys()["in/x"]
            self.no_run_creates_an_output_twice()
            self.no_older_input_replaces_a_newer_one()
            self.no_valid_claim_is_taken_over()
            self.no_actor_raised_an_error()
        finally:
            for one in self._running():
                one.crash()
            self.folder.cleanup()

    def _assert_states(self, allowed: Container[RunState]) -> None:
        runs: dict[str, dict[str, float]] = {}
        for (bucket, key), (_, stored) in self.store.objects.items():
            if bucket == STATE and key.startswith("runs/fn/"):
                run, _, name = key.rpartition("/")
                runs.setdefault(run, {})[name.removesuffix(".json")] = stored.last_modified
        for run, written in runs.items():
            assert derive_state(written, self.time) in allowed, (run, written)

    def _invocation(self, version: int, request: str, skew: int = 0) -> Invocation:
        event = notification("in/x", etag=self.versions[version - 1], sequencer=f"{version:04X}")
        seconds = self.time + skew - NOW + LAMBDA_SECONDS
        return lambda_invocation(event, request=request, seconds=seconds)

    def _act(self, mode: ExecutionMode, invocation: Invocation, skew: int = 0) -> None:
        started = actor(
            self.turns,
            self.harnesses[mode].supervisor,
            invocation,
            now=lambda: self.time + skew,
        )
        self.actors.append(started)
        deadline = invocation.deadline
        local = None if deadline is None else deadline - skew
        self.claimed_until[id(started)] = self.time + leases.lease_seconds(local, self.time)

    def _start_failure_handler(
        self, mode: ExecutionMode, dead: Invocation, error: tuple[str, str] | None, skew: int
    ) -> None:
        harness = self.harnesses[mode]
        record = failed_invocation(json.loads(dead.event), error, request=dead.owner.request)
        handler = new_failure_handler(harness)
        invocation = replace(record, deadline=self.time + skew + LAMBDA_SECONDS)
        self.actors.append(actor(self.turns, handler, invocation, now=lambda: self.time + skew))

    def _dead(self) -> list[Actor]:
        """Return requests whose sandbox ended without a response."""
        return [
            one
            for one in self.actors
            if one.has_ended
            and isinstance(one.error, Crash)
            and isinstance(one.supervisor, Supervisor)
            and not one.invocation.owner.job
        ]

    def _refused(self) -> list[tuple[Actor, SupervisorError]]:
        """Return the Lambda invocations that ended with an error response, and their errors."""
        refused = []
        for one in self.actors:
            if one.has_ended and one.handled is not None and not one.invocation.owner.job:
                error = response.find_error(one.handled)
                if error is not None:
                    refused.append((one, error))
        return refused

    def _repeat(self, dead: Actor) -> None:
        """Deliver a request again, or start the next attempt of a job."""
        owner = dead.invocation.owner
        if not isinstance(dead.supervisor, Supervisor):  # Lambda invokes the failure handler again
            again = replace(dead.invocation, deadline=self.time + LAMBDA_SECONDS)
            self.actors.append(actor(self.turns, dead.supervisor, again, now=lambda: self.time))
            return
        if not owner.job:
            left = replace(dead.invocation, deadline=self.time + LAMBDA_SECONDS)
            self._act(dead.supervisor.config.mode, left)
            return
        mode, _, number = owner.job.rpartition("-")
        self._start(ExecutionMode(mode), int(number) - 1)

    def _start(self, mode: ExecutionMode, number: int, skew: int = 0) -> None:
        """Start the next attempt of a job; Batch never runs two at once."""
        job = self.harnesses[mode].submitter.submitted[number]
        name = f"{mode}-{number + 1}"
        self.jobs[name] += 1
        self._act(mode, job_invocation(job, self.store, number=name, attempt=self.jobs[name]), skew)

    def _running(self) -> list[Actor]:
        return [one for one in self.actors if not one.has_ended]

    def _submitted(self) -> list[tuple[ExecutionMode, int]]:
        return [
            (mode, number)
            for mode, harness in self.harnesses.items()
            for number in range(len(harness.submitter.submitted))
        ]


Runs.TestCase.settings = settings(
    max_examples=examples(100),
    stateful_step_count=25,
    suppress_health_check=[*settings().suppress_health_check, HealthCheck.filter_too_much],
)
TestRuns = Runs.TestCase

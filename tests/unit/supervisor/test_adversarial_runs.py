"""Deliveries, jobs and crashes in any order: invariants of each run and each output."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from dataclasses import replace
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
from supervisor.execution.core import Supervisor
from supervisor.model import ExecutionMode, ObjectRef
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

    def _new_harness(self, mode: ExecutionMode) -> SupervisorHarness:
        folder = Path(self.folder.name) / mode.value
        folder.mkdir()
        harness = new_harness(
            folder, mode=mode, store=self.store, runner=PythonScript(self._script)
        )
        harness.submitter.name = mode.value
        return harness

    def _script(self, task: ProcessSpec) -> int:
        if self.out_of_memory and task.environment["SCAR_SITE"] == "lambda":
            return 137
        source = Path(task.environment["INPUT_FILE_PATH"])
        (Path(task.environment["TMP_OUTPUT_DIR"]) / "x").write_bytes(source.read_bytes())
        (Path(task.environment["TMP_OUTPUT_DIR"]) / "y").write_bytes(b"y")
        return 0

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
            self.no_actor_raised_an_error()
        finally:
            for one in self._running():
                one.crash()
            self.folder.cleanup()

    def _assert_states(self, allowed: Container[RunState]) -> None:
        runs: dict[str, dict[str, float]] = {}
        for (bucket, key), (_, stored) in self.store.objects.items():
            if bucket == STATE and key.startswith("runs/"):
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

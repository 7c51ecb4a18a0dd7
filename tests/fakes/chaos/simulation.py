"""A chain of functions under chaos, in virtual time: real supervisors, simulated services.

S3, Lambda's asynchronous queue and Batch are reduced to what conditions change: events come late
or twice, invocations are throttled, sandboxes and hosts die between any two calls of the store.
The decisions are those of the local cloud's ``--chaos`` (``scar.local.conditions.fates``), and
responses of SubmitJob are lost far more often.
"""

from __future__ import annotations

import heapq
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.conditions import fates
from scar.local.conditions.draws import Draws
from scar.local.conditions.fates import JobEnd
from scar.runs.states import RunState, derive_state
from supervisor import config
from supervisor.batch.failure_handler import FailureHandler
from supervisor.errors import SubmissionUnanswered, Terminated
from supervisor.events import response
from supervisor.execution.core import Supervisor
from supervisor.job_model import BatchTarget
from supervisor.logs import Log
from supervisor.model import ExecutionMode, FunctionConfig, InputRule, ObjectRef, OutputRule
from tests.fakes.object_store import Crash, MemoryStore
from tests.fakes.supervisor_factory import (
    KILLED,
    NOW,
    STATE,
    PythonScript,
    failed_invocation,
    job_invocation,
    lambda_invocation,
    notification,
)
from tests.fakes.supervisor_threads import Actor, Turns, actor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.descriptors import OpenFile
    from supervisor.invocation import Invocation, ProcessSpec
    from supervisor.job_model import JobRequest
    from supervisor.model import StoredObject, WriteCondition

OUT_OF_MEMORY = ("Runtime.OutOfMemory", "RequestId: req-1 Error: signal: killed")
CONCURRENCY = 3
LAMBDA_SECONDS = 300.0
JOB_ATTEMPTS = 3
HANDLER = "failure-handler"
HANDLER_RETRIES = 2
LOSSES = (
    0.15  # probability that the response of a SubmitJob is lost; a job was made for two of three
)
LOSS_CALLS = 20  # calls of the store until the loss is noticed: up to six seconds


class EventStore(MemoryStore):
    """A store that reports each new object."""

    on_upload: Callable[[ObjectRef, str], None]

    def upload(
        self,
        source: Path | OpenFile,
        ref: ObjectRef,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        # Not super(): a dataclass with slots is another class than the one it decorates.
        stored = MemoryStore.upload(self, source, ref, condition=condition, metadata=metadata)
        self.on_upload(ref, stored.etag)
        return stored


@dataclass(slots=True)
class SimulatedSubmitter:
    """Batch's SubmitJob for one function."""

    simulation: ChaosSimulation
    supervisor: Supervisor | None = None
    jobs: list[JobRequest] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    def submit(self, job: JobRequest, *, until: float | None = None) -> str:
        loss, job_id = self.simulation.draw_loss(job), ""
        if loss != "not made":
            self.jobs.append(job)
            job_id = self.simulation.accept_job(self, len(self.jobs) - 1)
        if loss:
            self.simulation.pass_time()
            raise SubmissionUnanswered(f"It is not known whether Batch accepted {job.name}.")
        return job_id

    def has_ended(self, job: str, *, until: float | None = None) -> bool:
        return job in self.ended

    def was_out_of_memory(self, job: str, attempt: int) -> bool:
        del job, attempt
        return False


class ChaosSimulation:
    """``modes`` is the chain's length: one function for each, from ``in0`` to ``in1`` and so on."""

    def __init__(self, seed: str, folder: Path, modes: tuple[ExecutionMode, ...]) -> None:
        self.draws = Draws(seed)
        self.time = NOW
        self.store = EventStore(clock=lambda: float(int(self.time)))
        self.store.on_upload = self._on_upload
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._executing: dict[str, Actor] = {}  # the last actor that ran a run's script
        self._random = random.Random(seed)  # noqa: S311 - only the order of steps
        self._losses = random.Random(f"{seed} losses")  # noqa: S311 - decisions of a test
        self.unanswered: set[str] = set()  # ids of the runs with a lost response
        self._turns = Turns(self.store)
        self._actions: list[tuple[float, int, Callable[[], None]]] = []
        self._running: Counter[str] = Counter()
        self._submitters: dict[str, SimulatedSubmitter] = {}
        self.functions = [
            self._deploy(folder, f"f{number}", mode, f"data/in{number + 1}")
            for number, mode in enumerate(modes)
        ]
        self._handler = FailureHandler(
            name="scar-failure-handler",
            bucket=STATE,
            find_object=self.store.find,
            list_objects=self.store.list_objects,
            open_store=lambda _provider: self.store,
            open_submitter=lambda target: self._submitters[target.definition],
            log=Log("CRITICAL", write=lambda _: None),
            now=lambda: self.time,
        )

    def upload(self, name: str) -> None:
        """Upload an input file for the first function."""
        stored = self.store.put(f"in0/{name}", name.encode())
        self._send_event(0, f"in0/{name}", stored.etag)

    def run(self) -> None:
        """Continue until no event, invocation or job is left."""
        while self._actions:
            self.time, _, action = heapq.heappop(self._actions)
            action()

    def states(self) -> Mapping[str, RunState]:
        """Return the state of every run of a function by its folder."""
        runs: dict[str, dict[str, float]] = {}
        for (bucket, key), (_, stored) in self.store.objects.items():
            if bucket == STATE and key.startswith("runs/f"):
                run, _, name = key.rpartition("/")
                runs.setdefault(run, {})[name.removesuffix(".json")] = stored.last_modified
        return {run: derive_state(written, self.time) for run, written in runs.items()}

    def retry_failed(self) -> int:
        """Send the events of all failed runs again, as ``scar retry --failed``; count them."""
        failed = [run for run, state in self.states().items() if state is not RunState.DONE]
        for run in failed:
            claim = json.loads(self.store.keys(STATE)[f"{run}/claim.json"])
            number = int(run.split("/")[1].removeprefix("f"))
            event = (
                json.loads(claim["event"]) if isinstance(claim["event"], str) else claim["event"]
            )
            self._invoke(number, event, self._next_request("retry"))
        return len(failed)

    def _deploy(self, folder: Path, name: str, mode: ExecutionMode, output: str) -> Supervisor:
        (folder / "function").mkdir(exist_ok=True)
        (folder / "function" / "script.sh").write_text("#!/bin/sh\n")
        submitter = self._submitters[name] = SimulatedSubmitter(self)
        function = FunctionConfig(
            name=name,
            mode=mode,
            state_bucket=STATE,
            script="script.sh",
            inputs=(InputRule(bucket="data", folder=f"in{name.removeprefix('f')}/"),),
            outputs=(OutputRule(provider="s3", path=output),),
            batch=BatchTarget(queue="q", definition=name),
        )
        text = config.config_to_json(function)
        self.store.put(config.function_config_key(name), text.encode(), bucket=STATE)
        supervisor = Supervisor(
            config=function,
            home=folder,
            temporary=folder,
            environ={"PATH": "/usr/bin:/bin"},
            open_store=lambda _provider: self.store,
            open_submitter=lambda: submitter,
            runner=PythonScript(self._copy_input),
            log=Log("CRITICAL", write=lambda _: None),
            now=lambda: self.time,
        )
        submitter.supervisor = supervisor
        return supervisor

    def _copy_input(self, task: ProcessSpec) -> int:
        """Copy the input; every fifth needs more memory than Lambda has in mode lambda-batch."""
        source = Path(task.environment["INPUT_FILE_PATH"])
        self.counts["scripts"] += 1
        run, owner = task.environment["SCAR_RUN_ID"], self._turns.actors[threading.get_ident()]
        if run in self._executing and not self._executing[run].has_ended:
            self.violations.append(f"two owners execute the run {run}")
        self._executing[run] = owner
        needs_batch = sum(source.name.encode()) % 5 == 0
        function = next(
            f for f in self.functions if f.config.name == task.environment["SCAR_FUNCTION"]
        )
        if (
            needs_batch
            and task.environment["SCAR_SITE"] == "lambda"
            and function.config.mode is ExecutionMode.LAMBDA_BATCH
        ):
            return 137
        (Path(task.environment["TMP_OUTPUT_DIR"]) / source.name).write_bytes(source.read_bytes())
        return 0

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self.counts["actions"] += 1
        heapq.heappush(self._actions, (self.time + seconds, self.counts["actions"], action))

    def _on_upload(self, ref: ObjectRef, etag: str) -> None:
        number = int(ref.key.partition("/")[0].removeprefix("in"))
        if number < len(self.functions):
            self._send_event(number, ref.key, etag)

    def _send_event(self, number: int, key: str, etag: str) -> None:
        event = notification(key, etag=etag)
        delays = fates.event_delays(self.draws, f"data/{key}")
        self.counts["duplicates"] += len(delays) - 1
        for delay in delays:
            request = self._next_request("event")
            self._later(delay, lambda request=request: self._invoke(number, event, request))  # type: ignore[misc]

    def _next_request(self, kind: str) -> str:
        self.counts["requests"] += 1
        return f"{kind}-{self.counts['requests']}"

    def _invoke(
        self, number: int, event: Mapping[str, object], request: str, attempt: int = 1
    ) -> None:
        """Start an asynchronous invocation, or try again when it is not throttled any more."""
        function = self.functions[number]
        name = function.config.name
        if self._running[name] >= CONCURRENCY or fates.is_throttled(self.draws, name):
            self.counts["throttled"] += 1
            self._later(1.0, lambda: self._invoke(number, event, request, attempt))
            return
        deadline = self.time - NOW + LAMBDA_SECONDS
        invocation = lambda_invocation(event, request=request, seconds=deadline)
        fate = fates.sandbox_fate(self.draws, name)
        error = OUT_OF_MEMORY if fate and fate.out_of_memory else KILLED

        def ended(one: Actor) -> None:
            if one.error is not None:
                self._notify_handler(event, request, name, error)
            elif one.handled is not None and (failure := response.find_error(one.handled)):
                payload = json.loads(response.build_error(failure))
                # As with lambda.retries: 1, for every other request.
                if attempt == 1 and self._losses.random() < 0.5:
                    self._later(1.0, lambda: self._invoke(number, event, request, attempt + 1))
                    return
                error_type, message = payload["errorType"], payload["errorMessage"]
                self._notify_handler(event, request, name, (error_type, message))

        self._start(function, invocation, name, int(fate.seconds * 4) if fate else None, ended)

    def _notify_handler(
        self, event: Mapping[str, object], request: str, name: str, error: tuple[str, str]
    ) -> None:
        record = failed_invocation(event, error, request=request)
        text = record.event.decode().replace("function:fn:", f"function:{name}:")
        self._later(0.5, lambda: self._invoke_handler(json.loads(text), request, 0))

    def _invoke_handler(self, record: Mapping[str, object], request: str, attempt: int) -> None:
        self.counts["handled"] += 1
        deadline = self.time - NOW + LAMBDA_SECONDS
        invocation = lambda_invocation(record, request=f"failed-{request}", seconds=deadline)
        fate = fates.sandbox_fate(self.draws, HANDLER)

        def ended(one: Actor) -> None:
            failed = one.error is not None or any(r.error for r in one.handled.results)  # type: ignore[union-attr]
            if failed and attempt < HANDLER_RETRIES:
                self._later(60.0, lambda: self._invoke_handler(record, request, attempt + 1))

        steps = int(fate.seconds * 4) if fate else None
        self._start(self._handler, invocation, HANDLER, steps, ended)

    def draw_loss(self, job: JobRequest) -> str:
        """Return whether the response to this SubmitJob is lost, and whether it made a job."""
        if self._losses.random() >= LOSSES:
            return ""
        loss = self._losses.choice(("made", "made", "not made"))
        run = job.environment["SCAR_RUN_ID"]
        self.counts[f"lost, {loss}"] += 1
        self.unanswered.add(run)
        if self._executing.get(run) is self._turns.actors[threading.get_ident()]:
            del self._executing[run]  # its script has ended, and the job may start at once
        return loss

    def pass_time(self) -> None:
        """Let the others continue for a while, as during a time-out."""
        for _ in range(self._losses.randrange(LOSS_CALLS)):
            self.store.head(ObjectRef("s3", STATE, "none"))

    def accept_job(self, submitter: SimulatedSubmitter, number: int) -> str:
        """Start a job later; a run whose job is recorded and unfinished must not get another.

        Unless that job's attempt has recorded its end (a reclaimed Spot instance): until Batch
        repeats it, the next delivery may take over the run.
        """
        run = submitter.jobs[number].environment["SCAR_RUN_ID"]
        records = self.store.keys(STATE)
        for key, data in records.items():
            if key.endswith(f"/{run}/delegated.json"):
                recorded = json.loads(data)["job"]
                has_failed = key.replace("delegated.json", "error.json") in records
                if recorded not in submitter.ended and not has_failed:
                    self.violations.append(f"{run} was submitted again, {recorded} has not ended")
        job_id = f"{submitter.jobs[number].name}-{number}"
        self.counts["jobs"] += 1
        self._later(self._random.uniform(0.1, 3.0), lambda: self._start_job(submitter, number, 1))
        return job_id

    def _start_job(self, submitter: SimulatedSubmitter, number: int, attempt: int) -> None:
        supervisor, job = submitter.supervisor, submitter.jobs[number]
        assert supervisor is not None
        job_id = f"{job.name}-{number}"
        fate = fates.job_fate(self.draws, supervisor.config.name, attempt)

        def try_again() -> None:
            self.counts["repeated"] += 1
            assert attempt < JOB_ATTEMPTS
            self._later(1.0, lambda: self._start_job(submitter, number, attempt + 1))

        if fate is not None and fate.end is JobEnd.PULL:
            try_again()
            return

        def ended(one: Actor) -> None:
            if one.error is not None:
                try_again()
            else:
                submitter.ended.add(job_id)

        invocation = job_invocation(job, self.store, number=job_id, attempt=attempt)
        steps = None if fate is None else int(fate.seconds * 12)
        is_spot = fate is not None and fate.end is JobEnd.SPOT
        self._start(supervisor, invocation, "batch", steps, ended, has_term=is_spot)

    def _start(
        self,
        supervisor: Supervisor | FailureHandler,
        invocation: Invocation,
        name: str,
        dies_after: int | None,
        ended: Callable[[Actor], None],
        *,
        has_term: bool = False,
    ) -> None:
        """Run an invocation step by step; it dies after so many calls of the store."""
        self._running[name] += 1
        self.counts["died"] += dies_after is not None
        started = actor(self._turns, supervisor, invocation, now=lambda: self.time)

        def advance(left: int | None, *, terminates: bool) -> None:
            if not started.has_ended:
                if left == 0 and terminates:
                    started.interrupt(Terminated())
                    left, terminates = 3, False  # calls until the host is gone
                elif left == 0:
                    started.crash()
                else:
                    started.step()
                    left = None if left is None else left - 1
            if started.has_ended:
                self._running[name] -= 1
                assert started.error is None or isinstance(started.error, (Crash, Terminated))
                ended(started)
            else:
                self._later(
                    self._random.uniform(0.01, 0.3), lambda: advance(left, terminates=terminates)
                )

        self._later(0.01, lambda: advance(dies_after, terminates=has_term))

"""Events, sandboxes, jobs and log lines under chaos: late, twice, killed, lost; never forgotten."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.batch.attempt import AttemptDependencies, RunningAttempt, is_log_driver_blocking
from scar.local.batch.model import AttemptOutcome, BatchJob, JobSpec
from scar.local.conditions import fates, table
from scar.local.conditions.batch_registry import PendingBatchRegistry
from scar.local.conditions.draws import Draws
from scar.local.conditions.event_delivery import UnreliableDelivery
from scar.local.conditions.fates import JobEnd
from scar.local.conditions.log_delivery import DroppingLogSink, LateLogSink
from scar.local.conditions.pending_states import PendingStates
from scar.local.conditions.sandboxes import UnreliableEngine
from scar.local.conditions.table import Condition
from scar.local.engines.port import (
    EngineGuarantees,
    ImagePullError,
    LocalImage,
    NodeNetwork,
    SandboxExit,
    SandboxProfile,
    SandboxSpec,
)
from scar.local.moto.batch_registry import ComputeEnvironmentRecord, JobQueueRecord
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scar.local.moto.batch_registry import JobDefinitionRecord

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
IMAGE = LocalImage(
    reference="r", digest="d", config_digest="c", config=Path("c"), layers=(),
    entrypoint=("/x",), environment={},
)  # fmt: skip


def event(key: str) -> bytes:
    record = {"s3": {"bucket": {"name": "b"}, "object": {"key": key}}}
    return json.dumps({"Records": [record]}).encode()


@given(st.integers(0, 1000), st.lists(st.text(min_size=1, max_size=5), max_size=30))
def test_every_event_is_delivered_once_or_twice_within_seconds(seed: int, keys: list[str]) -> None:
    delivered: list[tuple[bytes, float]] = []

    def enqueue(arn: str, payload: bytes, trace: str = "", /, delay: float = 0.0) -> None:
        assert (arn, trace) == (ARN, "Root=1")
        delivered.append((payload, delay))

    delivery = UnreliableDelivery(enqueue, Draws(str(seed)))
    for key in keys:
        delivery.deliver(ARN, event(key), "Root=1")
    for key in set(keys):
        times = sum(payload == event(key) for payload, _ in delivered)
        assert keys.count(key) <= times <= 2 * keys.count(key)
    assert all(0 <= delay <= 4 for _, delay in delivered)


def test_some_events_come_twice_and_some_overtake_others() -> None:
    delays = [fates.event_delays(Draws("1"), f"b/{number}") for number in range(500)]
    assert {len(times) for times in delays} == {1, 2}
    firsts = [times[0] for times in delays]
    assert firsts != sorted(firsts)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"Records": []}', b'{"Records": [1]}', b"\xff"])
def test_an_event_of_another_shape_is_delivered_too(payload: bytes) -> None:
    delivered: list[bytes] = []

    def enqueue(_arn: str, payload: bytes, _trace: str = "", /, delay: float = 0.0) -> None:
        delivered.append(payload)

    UnreliableDelivery(enqueue, Draws("1")).deliver(ARN, payload)
    assert set(delivered) == {payload}


@dataclass(slots=True)
class FakeSandbox:
    """Runs until it is stopped; records how."""

    name: str = "s"
    stops: list[float] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    status: int = 0

    def wait(self, timeout: float | None = None) -> SandboxExit | None:
        return SandboxExit(status=self.status) if self.ended.wait(timeout) else None

    def stop(self, grace: float) -> None:
        self.stops.append(grace)
        self.status = 143 if grace else 137
        self.ended.set()

    def drain(self, timeout: float) -> None: ...
    def set_idle(self, *, is_idle: bool) -> None: ...
    def peak_memory_mb(self) -> int:
        return 1

    def close(self) -> None:
        self.ended.set()


@dataclass(slots=True)
class FakeEngine:
    """Starts fake sandboxes."""

    sandboxes: list[FakeSandbox] = field(default_factory=list)
    name: str = "fake"

    @property
    def guarantees(self) -> EngineGuarantees:
        return EngineGuarantees(
            filesystem=True, user=True, tmp_size=True, memory="kernel", vcpus=True
        )

    def prepare(self, image: LocalImage) -> None: ...
    def close(self) -> None: ...

    def open_network(self, nodes: int, port: int) -> NodeNetwork:
        raise NotImplementedError

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> FakeSandbox:
        self.sandboxes.append(FakeSandbox(spec.name))
        return self.sandboxes[-1]


def spec(profile: SandboxProfile, **environment: str) -> SandboxSpec:
    return SandboxSpec(
        name="f-1-1", image=IMAGE, profile=profile, environment=environment, memory_mb=1
    )


def seed_for(end: JobEnd) -> str:
    """Return a seed with which the first job of ``f`` ends so."""
    for seed in range(2_000):
        fate = fates.job_fate(Draws(str(seed)), "f", 1)
        if fate is not None and fate.end is end:
            return str(seed)
    raise AssertionError(end)


@dataclass(slots=True)
class MemoryLogs:
    """Log events by group."""

    events: list[tuple[str, str, tuple[int, str]]] = field(default_factory=list)

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        self.events += [(group, stream, each) for each in events]


def run_attempt(engine: UnreliableEngine) -> AttemptOutcome:
    class Images:
        def resolve(self, _uri: str, /) -> LocalImage:
            return IMAGE

    job = BatchJob(
        id="1",
        name="f-1",
        region="us-east-1",
        queue="q",
        spec=JobSpec(definition="d/f:1", image="i", vcpus=1, memory_mb=1,
                     environment={"SCAR_FUNCTION": "f"}),
        created=0,
    )  # fmt: skip
    dependencies = AttemptDependencies(
        images=Images(),
        engine=engine,
        logs=MemoryLogs(),
        credentials=lambda _role: Credentials(access_key="a", secret_key="s", token=""),
        endpoint_url="http://127.0.0.1:1",
        monotonic=lambda: 0.0,
    )
    return RunningAttempt(job, dependencies).run(lambda: "")


@pytest.mark.parametrize(("end", "stops"), [(JobEnd.SPOT, [1.0]), (JobEnd.HOST, [0.0])])
def test_a_lost_host_ends_the_attempt_without_an_exit_code(end: JobEnd, stops: list[float]) -> None:
    inner = FakeEngine()
    outcome = run_attempt(UnreliableEngine(inner, Draws(seed_for(end))))
    assert outcome.status_reason.startswith("Host EC2 (instance i-0")
    assert outcome.status_reason.endswith(") terminated.")
    assert outcome.exit_code is None
    assert inner.sandboxes[0].stops == stops


def test_a_job_that_cannot_pull_its_image_does_not_start() -> None:
    inner = FakeEngine()
    outcome = run_attempt(UnreliableEngine(inner, Draws(seed_for(JobEnd.PULL))))
    assert outcome.status_reason == "Task failed to start"
    assert outcome.reason.startswith("CannotPullContainerError: ")
    assert inner.sandboxes == []


@given(st.integers(0, 5_000), st.integers(2, 10))
def test_only_the_first_attempt_of_a_job_is_lost(seed: int, attempt: int) -> None:
    assert fates.job_fate(Draws(str(seed)), "f", attempt) is None


def test_sandboxes_of_functions_are_killed_or_run_out_of_memory() -> None:
    seen = set()
    inner = FakeEngine()
    for seed in range(200):
        draws = Draws(str(seed))
        fate = fates.sandbox_fate(Draws(str(seed)), "f")
        if fate is None or fate.seconds > 0.5:
            continue
        engine = UnreliableEngine(inner, draws)
        sandbox = engine.start(
            spec(SandboxProfile.LAMBDA, AWS_LAMBDA_FUNCTION_NAME="f"), lambda _: None
        )
        sandbox_exit = sandbox.wait(10)
        assert sandbox_exit is not None
        assert sandbox_exit.status == 137
        assert sandbox_exit.out_of_memory == fate.out_of_memory
        seen.add(fate.out_of_memory)
    assert seen == {False, True}


def test_a_sandbox_that_has_ended_before_keeps_its_exit() -> None:
    seed = seed_for(JobEnd.HOST)
    inner = FakeEngine()
    engine = UnreliableEngine(inner, Draws(seed))
    sandbox = engine.start(spec(SandboxProfile.BATCH, SCAR_FUNCTION="f"), lambda _: None)
    inner.sandboxes[0].ended.set()
    assert sandbox.wait(1) == SandboxExit(status=0)
    sandbox.close()
    assert inner.sandboxes[0].stops == []


def test_the_engine_reports_jobs_that_do_not_start_as_pull_errors() -> None:
    engine = UnreliableEngine(FakeEngine(), Draws(seed_for(JobEnd.PULL)))
    with pytest.raises(ImagePullError):
        engine.start(spec(SandboxProfile.BATCH, SCAR_FUNCTION="f"), lambda _: None)


@given(st.integers(0, 50), st.integers(1, 60))
def test_late_log_events_are_all_stored_at_the_latest_when_it_closes(
    seed: int, batches: int
) -> None:
    logs = MemoryLogs()
    late = LateLogSink(logs, Draws(str(seed)))
    for number in range(batches):
        late.append("g", "s", [(number, str(number))])
    late.close()
    assert sorted(each[2][0] for each in logs.events) == list(range(batches))


def test_some_log_events_are_late() -> None:
    logs = MemoryLogs()
    late = LateLogSink(logs, Draws("1"))
    for number in range(200):
        late.append("g", "s", [(number, "")])
    at_once = len(logs.events)
    late.close()
    assert 120 < at_once < 200


def test_a_driver_that_does_not_block_loses_lines() -> None:
    logs = MemoryLogs()
    DroppingLogSink(logs, Draws("1")).append("g", "s", [(n, "") for n in range(1_000)])
    lost = table.CHAOS_RULES[Condition.LOG_LINES_LOST].probability
    assert abs(1 - len(logs.events) / 1_000 - lost) < 0.02


@pytest.mark.parametrize(
    ("options", "is_blocking"),
    [
        ("", False),
        ('{"logDriver": "awslogs"}', False),
        ('{"logDriver": "awslogs", "options": null}', False),
        ('{"options": {"mode": "non-blocking"}}', False),
        ('{"options": {"mode": "blocking"}}', True),
    ],
)
def test_only_the_blocking_mode_keeps_all_lines(options: str, is_blocking: bool) -> None:
    assert is_log_driver_blocking(options) is is_blocking


def test_no_job_starts_in_an_environment_that_is_not_valid() -> None:
    environment = ComputeEnvironmentRecord(name="e", arn="a:e", enabled=True, max_vcpus=2)
    queue = JobQueueRecord(
        name="q", arn="q", region="r", enabled=True, priority=1, environments=(environment,)
    )

    class Registry:
        def find_queue(self, name_or_arn: str, region: str = "") -> JobQueueRecord | None:
            return queue if name_or_arn == "q" else None

        def find_definition(self, reference: str, region: str = "") -> JobDefinitionRecord | None:
            return None

    from scar.local.conditions.api_call import ApiCall

    pending = PendingStates(Draws("2"))
    pending.record(
        ApiCall(service="batch", operation="CreateComputeEnvironment", resource="e"), 0.0
    )
    assert not pending.is_environment_ready("e", 0.0)
    now = [0.0]
    registry = PendingBatchRegistry(Registry(), pending, lambda: now[0])
    found = registry.find_queue("q")
    assert found is not None
    assert [each.enabled for each in found.environments] == [False]
    now[0] = 20.0
    assert registry.find_queue("q") == queue
    assert registry.find_queue("other") is None

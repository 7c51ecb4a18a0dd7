"""The nodes of a multi-node job find each other; only the main node owns the run."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import NodeFailed, Terminated
from supervisor.execution.jobs import nodes
from supervisor.execution.jobs.nodes import FAILURE_INTERVAL, MainNodeHeartbeat, open_node_runner
from supervisor.execution.staging import RunContext
from supervisor.invocation import DirectInvocation, JobNode, RunPath
from supervisor.job_model import BatchTarget, JobRequest, NodeGroup
from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome
from supervisor.runs import leases
from supervisor.runs.node_heartbeats import NODE_INTERVAL, NODE_LEASE, NodeHeartbeat
from supervisor.runs.node_records import FailedNode
from supervisor.runtime.batch_job import exit_status, read_invocation
from tests.fakes.object_store import Crash, MemoryStore
from tests.fakes.supervisor_factory import NOW, STATE, PythonScript, new_harness, notification
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.errors import SupervisorError
    from supervisor.execution.core import Supervisor
    from supervisor.execution.jobs.nodes import NodeRunner
    from supervisor.invocation import Invocation, ProcessSpec
    from supervisor.results import InvocationResult


def environ(index: int, count: int = 3, *, main: int = 0, attempt: int = 1) -> dict[str, str]:
    return {
        "AWS_BATCH_JOB_ID": f"job-1#{index}",
        "AWS_BATCH_JOB_ATTEMPT": str(attempt),
        "AWS_BATCH_JOB_NODE_INDEX": str(index),
        "AWS_BATCH_JOB_NUM_NODES": str(count),
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": str(main),
        "SCAR_RUN_ID": "run-1",
        "SCAR_RUN_DATE": "2026-09-21",
        "SCAR_EVENT": json.dumps(notification("in/a.txt")),
    }


def invocation(index: int, **more: int) -> Invocation:
    store = MemoryStore()
    return read_invocation(environ(index, **more), "fn", lambda _: store, f"stream-{index}")


def on_nodes(
    folder: Path,
    store: MemoryStore,
    script: Callable[[ProcessSpec], int],
    count: int = 3,
    **more: int,
) -> tuple[dict[int, InvocationResult], dict[int, Supervisor]]:
    """Run the event on ``count`` nodes at once; the main node's process is this thread."""
    supervisors, results = {}, {}
    for index in range(count):
        harness = new_harness(
            folder / str(index), mode=ExecutionMode.BATCH, store=store, runner=PythonScript(script)
        )
        batch = BatchTarget(queue="q", definition="fn", nodes=NodeGroup(count=count))
        supervisors[index] = replace(
            harness.supervisor, config=replace(harness.supervisor.config, batch=batch)
        )

    def run(index: int) -> None:
        with contextlib.suppress(Crash):  # the process was killed: it writes nothing
            results[index] = supervisors[index].handle(invocation(index, count=count, **more))

    main = more.get("main", 0)
    others = [
        threading.Thread(target=run, args=(index,)) for index in range(count) if index != main
    ]
    for thread in others:
        thread.start()
    run(main)
    for thread in others:
        thread.join()
    return results, supervisors


def stored_input() -> MemoryStore:
    store = MemoryStore(clock=lambda: NOW)
    store.put("in/a.txt", b"hello")
    return store


def records(store: MemoryStore) -> set[str]:
    keys = store.keys(bucket=STATE)
    return {key.rpartition("/")[2].removesuffix(".json") for key in keys}


@pytest.mark.parametrize("main", [0, 2])
def test_every_node_has_the_input_and_all_addresses_and_only_the_main_one_uploads(
    main: int, tmp_path: Path
) -> None:
    store, seen = stored_input(), []

    def script(spec: ProcessSpec) -> int:
        hosts = Path(spec.environment["SCAR_HOSTFILE"]).read_text().splitlines()
        seen.append((len(hosts), Path(spec.environment["INPUT_FILE_PATH"]).read_text()))
        Path(spec.environment["TMP_OUTPUT_DIR"], f"{len(seen)}.txt").write_text("x")
        return 0

    results, _ = on_nodes(tmp_path, store, script, main=main)
    assert seen == [(3, "hello")] * 3
    assert len([key for key in store.keys("data") if key.startswith("out/")]) == 1
    assert [exit_status(results[index]) for index in range(3)] == [0, 0, 0]
    (done,) = (r for r in results[main].results)
    assert (done.state, done.uploaded) == (RunOutcome.DONE, 1)
    others = {f"node-job-1-1-{index}" for index in range(3) if index != main}
    assert records(store) == {"claim", "attempt-1", "done", "hosts-job-1-1"} | others
    claim = json.loads(store.keys(STATE)["runs/fn/2026-09-21/run-1/claim.json"])
    assert claim["owner"]["job"] == "job-1"  # not job-1#0: commands describe and end the job


def test_a_failed_node_fails_the_run_and_is_named(tmp_path: Path) -> None:
    store = stored_input()

    def script(spec: ProcessSpec) -> int:
        index = spec.folder.parts[len(tmp_path.parts)]
        if index == "0":
            until(lambda: "node-failed-job-1-1" in records(store))
        return 7 if index == "2" else 0

    results, _ = on_nodes(tmp_path, store, script)
    (main,) = results[0].results
    assert isinstance(main.error, NodeFailed)
    assert main.error.problem == "Node 2 failed: The script ended with status 7."
    assert [exit_status(results[index]) for index in range(3)] == [1, 0, 7]
    assert "error" in records(store)
    assert "done" not in records(store)
    assert not [key for key in store.keys("data") if key.startswith("out/")]


def test_a_killed_node_fails_the_run_and_is_named_though_it_wrote_no_failure(
    tmp_path: Path,
) -> None:
    times = [NOW]
    store = MemoryStore(clock=lambda: times[0])
    store.put("in/a.txt", b"hello")
    killed = threading.Event()

    def node_1_has_ended() -> bool:
        found = store.keys(STATE).get("runs/fn/2026-09-21/run-1/node-job-1-1-1.json", b"{}")
        return json.loads(found).get("ended") is True

    def script(spec: ProcessSpec) -> int:
        index = spec.folder.parts[len(tmp_path.parts)]
        if index == "2":
            killed.set()
            raise Crash
        if index == "0":
            # Node 1 ends well and is silent as long: that is no failure.
            until(lambda: killed.is_set() and node_1_has_ended())
            times[0] += NODE_LEASE + 1
        return 0

    results, _ = on_nodes(tmp_path, store, script)
    (main,) = results[0].results
    assert isinstance(main.error, NodeFailed)
    assert main.error.problem.startswith("Node 2 failed: It is lost: it has not renewed")
    assert exit_status(results[0]) == 1
    assert {"error", "node-failed-job-1-1"} < records(store)
    assert "done" not in records(store)
    assert not [key for key in store.keys("data") if key.startswith("out/")]


def test_the_script_of_the_main_node_ends_when_another_one_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "FAILURE_INTERVAL", 0.05)
    times = [NOW]
    store = MemoryStore(clock=lambda: times[0])
    store.put("in/a.txt", b"hello")
    killed = threading.Event()

    def script(spec: ProcessSpec) -> int:
        if spec.folder.parts[len(tmp_path.parts)] == "1":
            killed.set()
            raise Crash
        assert killed.wait(60)
        times[0] += NODE_LEASE + 1
        time.sleep(60)  # as MPI's programs wait for a process that is gone
        return 0

    results, _ = on_nodes(tmp_path, store, script, count=2)
    (main,) = results[0].results
    assert isinstance(main.error, NodeFailed)
    assert main.error.problem.startswith("Node 1 failed: It is lost")


def test_a_node_renews_its_record_while_its_script_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "NODE_INTERVAL", 0.02)
    store, name = stored_input(), "runs/fn/2026-09-21/run-1/node-job-1-1-1.json"

    def script(spec: ProcessSpec) -> int:
        if spec.folder.parts[len(tmp_path.parts)] == "1":
            until(lambda: store.created[name] > 3)
        return 0

    results, _ = on_nodes(tmp_path, store, script, count=2)
    assert exit_status(results[0]) == exit_status(results[1]) == 0
    assert json.loads(store.keys(STATE)[name])["ended"] is True


class Clock:
    """Time that passes only in ``sleep``."""

    def __init__(self) -> None:
        self.time, self.pauses = NOW, 0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.pauses += 1


def runner(
    folder: Path, store: MemoryStore, clock: Clock, index: int = 0, count: int = 3
) -> NodeRunner:
    harness = new_harness(folder, store=store, now=clock.now)
    context = RunContext(
        config=harness.supervisor.config,
        invocation=invocation(index, count=count),
        trigger=DirectInvocation(event="{}"),
        run=RunPath(function="fn", date="2026-09-21", run_id="run-1"),
        stop_at=None,
    )
    executor = harness.supervisor._build_executor()
    built = open_node_runner(context, store, executor, harness.supervisor.log, clock.now)
    return replace(built, sleep=clock.sleep, address=lambda: f"10.0.0.{index}")


def test_nodes_that_do_not_start_end_the_wait_and_few_requests_are_made(tmp_path: Path) -> None:
    clock, store = Clock(), MemoryStore()
    with pytest.raises(NodeFailed, match=r"Node 1 of 3 has not started within 600 s\."):
        runner(tmp_path, store, clock).run_main()
    assert clock.time - NOW == 600
    assert clock.pauses < 130
    main_gone = runner(tmp_path, store, clock, index=1).run_other()
    assert isinstance(main_gone.error, NodeFailed)
    assert "did not find all nodes within 600 s" in main_gone.error.problem
    assert "node-failed-job-1-1" in records(store)


def test_the_main_node_is_first_and_stale_records_are_not_read(tmp_path: Path) -> None:
    clock, store = Clock(), MemoryStore()
    of_main = runner(tmp_path, store, clock)
    for index in (1, 2):
        # Of an earlier attempt, and of another job of the same run.
        for stale in ({"attempt": 0}, {"job": "job-0"}):
            other = replace(of_main.records, **stale)
            other.write_node(of_main.context.invocation, index, "10.9.9.9")
            other.write_failure(FailedNode(index, "ScriptFailed", "Old."))
        of_main.records.write_node(of_main.context.invocation, index, f"10.0.0.{index}")
    assert of_main._gather_hosts() == ("10.0.0.0", "10.0.0.1", "10.0.0.2")
    assert of_main.records.read_hosts() == ("10.0.0.0", "10.0.0.1", "10.0.0.2")
    of_main.check_failure()
    assert clock.pauses == 0


def test_the_first_failure_is_kept_and_a_mpi_launcher_s_status_names_it(tmp_path: Path) -> None:
    store = stored_input()
    of_main = runner(tmp_path, store, Clock(), count=1)
    of_main = replace(of_main, executor=replace(of_main.executor, runner=PythonScript(lambda _: 9)))
    of_main.records.write_failure(FailedNode(2, "OutOfMemory", "It was killed."))
    of_main.records.write_failure(FailedNode(1, "Terminated", "It received TERM."))
    with pytest.raises(Exception, match="status 9") as caught:
        of_main.run_main()
    error: SupervisorError = caught.value  # type: ignore[assignment]
    assert error.problem.endswith("Node 2 failed: It was killed.")


def test_term_of_another_node_is_recorded(tmp_path: Path) -> None:
    store = stored_input()
    other = runner(tmp_path, store, Clock(), index=1)
    other.records.write_hosts(["10.0.0.0", "10.0.0.1", "10.0.0.2"])

    def terminate(_: ProcessSpec) -> int:
        raise Terminated

    script = PythonScript(terminate)
    with pytest.raises(Terminated):
        replace(other, executor=replace(other.executor, runner=script)).run_other()
    failed = other.records.read_failure()
    assert str(failed) == "Node 1 failed: It received TERM."


def test_the_main_node_is_gone_when_its_claim_is_old(tmp_path: Path) -> None:
    times = [NOW]
    store = MemoryStore(clock=lambda: times[0])
    other = runner(tmp_path, store, Clock(), index=1)
    other._check_main()
    store.put("runs/fn/2026-09-21/run-1/claim.json", b"{}", bucket=STATE)
    times[0] = NOW + 600
    other._check_main()
    times[0] = NOW + 601
    with pytest.raises(NodeFailed, match="The main node is gone"):
        other._check_main()


def test_the_claim_is_renewed_as_often_as_without_nodes(tmp_path: Path) -> None:
    renewals: list[int] = []
    of_main = runner(tmp_path, MemoryStore(), Clock())
    heartbeat = MainNodeHeartbeat(of_main, lambda: renewals.append(1))
    for _ in range(int(2 * leases.RENEWAL_INTERVAL / FAILURE_INTERVAL)):
        heartbeat.beat()
    assert len(renewals) == 2
    of_main.records.write_failure(FailedNode(1, "ScriptFailed", "No."))
    with pytest.raises(NodeFailed):
        heartbeat.beat()


def test_a_silent_node_is_lost_after_three_renewals_unless_it_has_ended(tmp_path: Path) -> None:
    clock = Clock()
    store = MemoryStore(clock=clock.now)
    of_main = runner(tmp_path, store, clock, count=5)
    beats = {
        index: NodeHeartbeat(
            records=of_main.records,
            invocation=of_main.context.invocation,
            index=index,
            address=f"10.0.0.{index}",
        )
        for index in (1, 2, 3)  # node 4 has not started
    }
    heartbeat = MainNodeHeartbeat(of_main, lambda: None)
    for beat in beats.values():
        beat.renew()
    beats[3].end()
    started = clock.time

    def beat_forever() -> None:
        while True:
            clock.sleep(FAILURE_INTERVAL)
            if (clock.time - started) % NODE_INTERVAL == 0:
                beats[1].renew()
            heartbeat.beat()

    with pytest.raises(NodeFailed, match=r"^Node 2 failed: It is lost"):
        beat_forever()
    assert NODE_LEASE < clock.time - started <= NODE_LEASE + 2 * FAILURE_INTERVAL
    failed = of_main.records.read_failure()
    assert (failed and failed.index) == 2


def test_nothing_is_uploaded_before_an_overdue_node_is_heard_of(tmp_path: Path) -> None:
    clock = Clock()
    store = MemoryStore(clock=clock.now)
    of_main = runner(tmp_path, store, clock, count=2)
    other = NodeHeartbeat(
        records=of_main.records,
        invocation=of_main.context.invocation,
        index=1,
        address="10.0.0.1",
    )
    other.renew()
    clock.sleep(NODE_INTERVAL)
    of_main.check_all()
    assert clock.pauses == 1  # a renewal is due, not missing
    clock.sleep(NODE_INTERVAL)

    def renew_late(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.pauses == 4:
            other.renew()

    replace(of_main, sleep=renew_late).check_all()
    assert clock.pauses == 4
    clock.sleep(2 * NODE_INTERVAL)
    with pytest.raises(NodeFailed, match="Node 1 failed: It is lost"):
        of_main.check_all()
    assert clock.pauses < 15


def test_a_node_renews_its_record_and_few_requests_are_made(tmp_path: Path) -> None:
    store = MemoryStore(clock=lambda: NOW)
    other = runner(tmp_path, store, Clock(), index=1)
    heartbeat = NodeHeartbeat(
        records=other.records, invocation=other.context.invocation, index=1, address="10.0.0.1"
    )
    for _ in range(3):
        heartbeat.renew()
    heartbeat.end()
    assert store.calls == {"write": 4}
    assert other.records.read_address(1) == "10.0.0.1"
    state = other.records.read_node(1)
    assert state is not None
    assert (state.has_ended, state.silence) == (True, 0.0)


@given(
    st.dictionaries(
        st.sampled_from(
            ["AWS_BATCH_JOB_NODE_INDEX", "AWS_BATCH_JOB_NUM_NODES", "AWS_BATCH_JOB_MAIN_NODE_INDEX"]
        ),
        st.sampled_from(["", "0", "1", "12", "-1", "x"]),
    )
)
def test_any_variables_of_nodes_give_a_node_or_none(variables: dict[str, str]) -> None:
    store = MemoryStore()
    node = read_invocation({"AWS_BATCH_JOB_ID": "j", **variables}, "fn", lambda _: store).node
    numbers = [variables.get(f"AWS_BATCH_JOB_{n}", "") for n in ("NODE_INDEX", "NUM_NODES")]
    assert (node is not None) == all(number.isdecimal() for number in numbers)
    assert node is None or isinstance(node, JobNode)


def test_a_job_of_one_container_has_no_node() -> None:
    job = JobRequest(name="j", environment={"AWS_BATCH_JOB_ID": "job-1"})
    read = read_invocation(job.environment, "fn", lambda _: MemoryStore())
    assert (read.node, read.owner.job) == (None, "job-1")

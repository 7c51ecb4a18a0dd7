"""Execute a run on the nodes of a multi-node job: the main node's part, and that of the others.

AWS Batch starts the main node first and the others in any order, ends the job when the main node
exits, and does nothing if another node fails. So the nodes wait for each other here, for a bounded
time, and a node that fails, or is lost, makes the main node fail.
https://docs.aws.amazon.com/batch/latest/userguide/job-lifecycle.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.errors import NodeFailed, ScriptFailed, SupervisorError, Terminated
from supervisor.execution.staging import local_ip_address
from supervisor.job_model import NodeGroup
from supervisor.results import RunOutcome, RunResult
from supervisor.runs import leases
from supervisor.runs.heartbeat import renew_periodically
from supervisor.runs.node_heartbeats import NODE_INTERVAL, NodeHeartbeat, NodeWatch
from supervisor.runs.node_records import FailedNode, NodeRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from supervisor.execution.executor import ExecutionResult, RunExecutor
    from supervisor.execution.staging import RunContext
    from supervisor.invocation import JobNode
    from supervisor.logs import Log
    from supervisor.ports import ObjectStore

    T = TypeVar("T")

# Seconds between two reads of a record that another node writes; each pause is twice the last one.
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
# Seconds between two checks of the main node for failed nodes: a request each, and one for every
# other of the nodes, which are 1,000 at most.
FAILURE_INTERVAL = NODE_INTERVAL / 2
# The others renew their records and check the main node every NODE_INTERVAL seconds. The check is
# superfluous as a rule: Batch stops them.


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRunner:
    """Executes the part of one node; ``now`` in epoch seconds, ``timeout`` in seconds."""

    context: RunContext
    node: JobNode
    records: NodeRecords
    executor: RunExecutor
    log: Log
    timeout: float
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    address: Callable[[], str] = local_ip_address

    def run_main(self) -> ExecutionResult:
        """Execute the run once all nodes have started; fail if one of them has failed.

        Raise NodeFailed, and what ``RunExecutor.run`` raises.
        """
        hosts = self._gather_hosts()
        self.log.info(f"Node {self.node.index}, the main one: all {self.node.count} have started.")
        executor = replace(self.executor, before_upload=self.check_all)
        try:
            return executor.run(replace(self.context, hosts=hosts), self.log)
        except ScriptFailed as error:
            # A program such as mpiexec ends when one of its nodes does: that node has the cause.
            if failed := self.records.read_failure():
                error.problem += f" {failed}"
            raise

    def check_failure(self) -> None:
        """Raise NodeFailed if another node has failed."""
        if failed := self.records.read_failure():
            raise NodeFailed(
                str(failed), remedy="See the log of that node; `scar retry` starts the run again."
            )

    def check_alive(self, watch: NodeWatch, indexes: Iterable[int]) -> None:
        """Raise NodeFailed if one of the nodes is lost, and record it: it could not do so."""
        for lost in filter(None, map(watch.find_lost, indexes)):
            self._report(lost)
            raise NodeFailed(
                str(lost), remedy="Check its memory and its log; `scar retry` starts the run again."
            )

    def check_all(self) -> None:
        """Raise NodeFailed if another node has failed or is lost; wait if that is not certain."""
        self.check_failure()
        watch = NodeWatch(self.records)
        for index in self.others:
            while watch.is_doubtful(index):
                self.check_alive(watch, [index])
                self.sleep(LAST_PAUSE)
                self.check_failure()

    @property
    def others(self) -> tuple[int, ...]:
        """The numbers of the nodes other than the main one."""
        return tuple(index for index in range(self.node.count) if index != self.node.main)

    def run_other(self) -> RunResult:
        """Execute the script beside the main node's; upload and record nothing of the run."""
        run = self.context.run
        try:
            heartbeat = NodeHeartbeat(
                records=self.records,
                invocation=self.context.invocation,
                index=self.node.index,
                address=self.address(),
            )
            heartbeat.renew()
            with renew_periodically(
                lambda: self._beat_of_other(heartbeat), NODE_INTERVAL, self.log
            ):
                hosts = self._wait_for_hosts()
                self.log.info(f"Node {self.node.index}: all {self.node.count} have started.")
                executed = self.executor.run(replace(self.context, hosts=hosts), self.log)
            heartbeat.end()
        except Terminated:
            # The job's end, as a rule. If not, the main node would wait for this one in vain.
            self._report(FailedNode(self.node.index, "Terminated", "It received TERM."))
            raise
        except SupervisorError as error:
            self.log.error(error.problem, remedy=error.remedy)
            self._report(FailedNode(self.node.index, type(error).__name__, error.problem))
            output = error.output if isinstance(error, ScriptFailed) else b""
            return RunResult(run=run, state=RunOutcome.FAILED, output=output, error=error)
        except Exception as error:
            # Whatever it is: without the record the main node would wait for this one in vain.
            problem = f"{type(error).__name__}: {error}."
            self._report(FailedNode(self.node.index, type(error).__name__, problem))
            raise
        self.log.info("This node is done. The main node uploads the outputs.")
        return RunResult(run=run, state=RunOutcome.DONE, output=executed.output)

    def _gather_hosts(self) -> tuple[str, ...]:
        """Return the addresses of all nodes, the main one's first, when all have started."""
        end = self.now() + self.timeout
        own = self.address()
        # One after the other: the last one decides how long it takes, in whatever order they start.
        hosts = (own, *(self._wait_for_node(index, end) for index in self.others))
        self.records.write_hosts(hosts)
        return hosts

    def _wait_for_node(self, index: int, end: float) -> str:
        return self._wait(
            lambda: self.records.read_address(index),
            end,
            f"Node {index} of {self.node.count} has not started within {self.timeout:g} s.",
        )

    def _wait_for_hosts(self) -> tuple[str, ...]:
        problem = f"The main node did not find all nodes within {self.timeout:g} s."
        return self._wait(self.records.read_hosts, self.now() + self.timeout, problem)

    def _wait(self, read: Callable[[], T], end: float, problem: str) -> T:
        """Return what ``read`` returns once it is not empty; raise NodeFailed at ``end``."""
        pause = FIRST_PAUSE
        while not (found := read()):
            left = end - self.now()
            if left <= 0:
                raise NodeFailed(
                    problem,
                    remedy="See whether its instance has started and can reach S3; or increase"
                    " multi_node_parallel.timeout.",
                )
            self.sleep(min(pause, left))
            pause = min(2 * pause, LAST_PAUSE)
        return found

    def _beat_of_other(self, heartbeat: NodeHeartbeat) -> None:
        heartbeat.renew()
        self._check_main()

    def _check_main(self) -> None:
        """Raise NodeFailed if the main node has not renewed its claim for ``timeout`` seconds."""
        claim = self.records.find_claim()
        # The main node renews it every 300 s.
        limit = max(self.timeout, 2 * leases.RENEWAL_INTERVAL)
        if claim is not None and leases.is_expired(limit, claim):
            raise NodeFailed(
                f"The main node is gone: it has not renewed its claim for {limit:g} s.",
                remedy="`scar retry` starts the run again.",
            )

    def _report(self, failed: FailedNode) -> None:
        try:
            self.records.write_failure(failed)
        except SupervisorError as error:
            self.log.error(f"The failure cannot be recorded: {error.problem}", remedy=error.remedy)


@dataclass(slots=True)
class MainNodeHeartbeat:
    """Renews the claim at its usual interval; looks for failed and lost nodes more often."""

    runner: NodeRunner
    renew: Callable[[], None]
    _calls: int = field(default=0, init=False)
    _watch: NodeWatch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = NodeWatch(self.runner.records)

    def beat(self) -> None:
        """Called every FAILURE_INTERVAL seconds; raise NodeFailed, ClaimLost."""
        self._calls += 1
        if self._calls * FAILURE_INTERVAL % leases.RENEWAL_INTERVAL == 0:
            self.renew()
        self.runner.check_failure()
        # Each node at every second call: it renews its record as often.
        self.runner.check_alive(self._watch, self.runner.others[self._calls % 2 :: 2])


def open_node_runner(
    context: RunContext,
    store: ObjectStore,
    executor: RunExecutor,
    log: Log,
    now: Callable[[], float],
) -> NodeRunner:
    """Return the runner of this process's node; its context must have one."""
    invocation, batch = context.invocation, context.config.batch
    node = invocation.node
    if node is None:
        raise AssertionError
    group = (batch and batch.nodes) or NodeGroup(count=node.count)
    return NodeRunner(
        context=context,
        node=node,
        records=NodeRecords(
            store=store,
            bucket=context.config.state_bucket,
            run=context.run,
            job=invocation.owner.job,
            attempt=invocation.owner.attempt,
        ),
        executor=executor,
        log=log,
        timeout=group.timeout,
        now=now,
    )

"""One attempt of a multi-node job: a sandbox per node, in a network of their own.

As on AWS the main node starts first, and its end is that of the attempt: the others are stopped. If
another node ends, nothing follows from it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from scar.local.batch.attempt import RunningAttempt, start_failure
from scar.local.batch.nodes import node_job
from scar.local.engines.port import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.batch.attempt import AttemptDependencies
    from scar.local.batch.model import AttemptOutcome, BatchJob
    from scar.local.engines.port import NodeNetwork

LOG = logging.getLogger(__name__)


class NodeStates(Protocol):
    """Stores the states of the nodes, other than the main one."""

    def mark_node_running(self, job_id: str, index: int) -> None: ...

    def finish_node(self, job_id: str, index: int, outcome: AttemptOutcome) -> None: ...


class GangAttempt:
    """All nodes of a job; ``run`` blocks until they have ended, as RunningAttempt's does."""

    def __init__(
        self, job: BatchJob, dependencies: AttemptDependencies, states: NodeStates
    ) -> None:
        self.job = job
        self._dependencies = dependencies
        self._states = states
        self._lock = threading.Lock()
        self._nodes: list[RunningAttempt] = []
        self._threads: list[threading.Thread] = []
        self._end: Callable[[RunningAttempt], None] | None = None

    def run(self, on_running: Callable[[], str]) -> AttemptOutcome:
        """Run the nodes and return the main node's outcome; ``on_running`` as in RunningAttempt."""
        spec = self.job.spec
        port = urlsplit(self._dependencies.endpoint_url).port or 80
        try:
            network = self._dependencies.engine.open_network(spec.nodes, port)
        except (EngineError, OSError) as error:
            return start_failure(spec, f"ResourceInitializationError: {error}")
        try:
            self._create_nodes(network)

            def start_others() -> str:
                reason = on_running()
                if not reason:
                    self._start_others()
                return reason

            return self._nodes[spec.main_node].run(start_others)
        finally:
            for attempt in self._nodes:
                attempt.stop()
            for thread in self._threads:
                thread.join()
            network.close()

    def stop(self) -> None:
        """Send SIGTERM to all nodes now, and SIGKILL after the grace period; return at once."""
        self._end_all(RunningAttempt.stop)

    def kill(self) -> None:
        """Kill all nodes at once, without SIGTERM."""
        self._end_all(RunningAttempt.kill)

    def _create_nodes(self, network: NodeNetwork) -> None:
        main = network.nodes[self.job.spec.main_node].address
        with self._lock:
            self._nodes = [
                RunningAttempt(self._job_of_node(index, main), self._dependencies, node)
                for index, node in enumerate(network.nodes)
            ]
        if self._end is not None:  # it came before there was a node to stop
            self._end_all(self._end)

    def _job_of_node(self, index: int, main_address: str) -> BatchJob:
        """Return a node with the variables that Batch sets for it.

        https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
        """
        spec, job = self.job.spec, node_job(self.job, index)
        variables = {
            "AWS_BATCH_JOB_NUM_NODES": str(spec.nodes),
            "AWS_BATCH_JOB_NODE_INDEX": str(index),
            "AWS_BATCH_JOB_MAIN_NODE_INDEX": str(spec.main_node),
        }
        if index != spec.main_node:
            variables["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = main_address
        return replace(
            job,
            spec=replace(
                job.spec,
                environment={**job.spec.environment, **variables},
                # The time limit is that of the job, whose end is that of the main node.
                timeout=spec.timeout if index == spec.main_node else None,
            ),
        )

    def _start_others(self) -> None:
        for index, attempt in enumerate(self._nodes):
            if index == self.job.spec.main_node:
                continue
            thread = threading.Thread(
                target=self._run_other, args=(index, attempt), name=attempt.job.id, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _run_other(self, index: int, attempt: RunningAttempt) -> None:
        def on_running() -> str:
            self._states.mark_node_running(self.job.id, index)
            return ""

        try:
            self._states.finish_node(self.job.id, index, attempt.run(on_running))
        except (OSError, sqlite3.Error):
            # The end of the attempt ends the node, too.
            LOG.exception("cannot store the state of node %s", attempt.job.id)

    def _end_all(self, end: Callable[[RunningAttempt], None]) -> None:
        with self._lock:
            self._end = end
            nodes = list(self._nodes)
        for attempt in nodes:
            end(attempt)

"""An AWS account in virtual time: Lambda's queue, the real supervisor, and Batch's request rate.

Submitter, retries, signing, run records and failure handler are the real ones; the connection to
Batch, the object store, the clock and Lambda's queue are simulated.
"""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, cast

from scar.aws.model.rates import REQUEST_RATES, TokenBucket
from supervisor.aws.client import AwsClient
from supervisor.aws.credentials import find_credentials
from supervisor.aws.request import Origin
from supervisor.aws.retry import Backoff
from supervisor.batch.submitter import BatchSubmitter
from supervisor.events import response
from supervisor.invocation import Invocation, RunOwner
from supervisor.job_model import BatchTarget
from supervisor.logs import Log
from supervisor.model import ComputeService, ExecutionMode
from supervisor.runs.waiting import FAILURE_HANDLER_RETRIES
from tests.fakes.object_store import MemoryStore
from tests.fakes.supervisor_factory import (
    NOW,
    failed_invocation,
    new_failure_handler,
    new_harness,
    notification,
)
from tests.unit.supervisor.batch.virtual_time import VirtualTime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.aws.connection_pool import ConnectionPool
    from supervisor.aws.request import AwsRequest
    from supervisor.batch.failure_handler import FailureHandler
    from supervisor.execution.core import Supervisor
    from supervisor.model import ObjectRef

COLD_START, WARM_START = 0.7, 0.02  # seconds
ROUND_TRIP = 0.03  # seconds
RETRY_PAUSES = (60.0, 120.0)  # docs: Lambda, asynchronous error handling
HANDLER_TIMEOUT = 120.0  # scar.aws.compile.failure_handler
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@dataclass(frozen=True, slots=True)
class SimulatedResponse:
    """What the connection pool returns."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read_all(self) -> bytes:
        return self.body

    read_error = read_all


@dataclass(slots=True)
class SimulatedBatch:
    """Takes SubmitJob at AWS's rate, and throttles all other requests; a connection pool too."""

    time: VirtualTime
    bucket: TokenBucket = field(
        default_factory=lambda: TokenBucket(REQUEST_RATES["batch", "SubmitJob"])
    )
    jobs: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    def send_request(
        self,
        request: AwsRequest,
        headers: Mapping[str, str],
        *,
        fresh: bool,
        patience: float | None,
    ) -> SimulatedResponse:
        assert fresh
        assert patience is not None
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256")
        self.time.sleep(ROUND_TRIP)
        name = json.loads(cast("bytes", request.body))["jobName"]
        if not self.bucket.try_take(self.time.now):
            self.refusals[name] += 1
            kind = {"x-amzn-errortype": "TooManyRequestsException"}
            return SimulatedResponse(429, kind, b'{"message": "Too Many Requests"}')
        self.jobs[name] += 1
        return SimulatedResponse(200, {}, json.dumps({"jobId": f"job-{name}"}).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedInvocation:
    """An event in Lambda's queue; ``key`` is the input's, for the invocation record."""

    handler: bool
    key: str
    request: str
    event: bytes
    attempt: int = 0


@dataclass(slots=True)
class AccountSimulation:
    """Files arrive; Lambda runs as many invocations at once as ``concurrency`` allows.

    ``timeout`` (seconds) and ``retries`` are the function's.
    """

    folder: Path
    concurrency: int
    timeout: float
    retries: int = 0
    seed: int = 1
    time: VirtualTime = field(default_factory=lambda: VirtualTime(NOW))
    batch: SimulatedBatch = field(init=False)
    store: MemoryStore = field(default_factory=MemoryStore)
    outcomes: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    billed: float = 0.0
    longest: float = 0.0
    _running: int = 0
    _warm: Counter[bool] = field(default_factory=Counter)
    _queue: deque[QueuedInvocation] = field(default_factory=deque)
    _supervisor: Supervisor = field(init=False)
    _handler: FailureHandler = field(init=False)

    def __post_init__(self) -> None:
        self.batch = SimulatedBatch(self.time)
        self.store.clock = lambda: float(int(self.time.now))
        self.store.before = self._store_call
        harness = new_harness(
            self.folder, mode=ExecutionMode.BATCH, store=self.store, now=self.time.clock
        )
        submitter = self._new_submitter()
        quiet = Log("CRITICAL")
        harness.supervisor = replace(
            harness.supervisor, open_submitter=lambda: submitter, log=quiet
        )
        self._supervisor = harness.supervisor
        self._handler = replace(
            new_failure_handler(harness), open_submitter=lambda _target: submitter, log=quiet
        )

    def run(self, files: int, per_second: float) -> None:
        """Let files arrive at this rate, and run until nothing happens any more."""
        for number in range(files):
            key = f"in/{number}"
            event = json.dumps(notification(key, sequencer=f"{number:06X}")).encode()
            queued = QueuedInvocation(handler=False, key=key, request=f"r-{number}", event=event)
            self.time.call_after(number / per_second, self._enqueuing(queued))
        self.time.run()

    @property
    def elapsed(self) -> float:
        """Return the seconds from the first file to the end."""
        return self.time.now - NOW

    def _new_submitter(self) -> BatchSubmitter:
        seeded = random.Random(self.seed)  # noqa: S311 - the same simulation every time
        client = AwsClient(
            service="batch",
            region="eu-west-1",
            credentials=find_credentials(KEYS),
            connections=cast("ConnectionPool", self.batch),
            backoff=Backoff(sleep=self.time.sleep, random=seeded.random),
            clock=self.time.clock,
        )
        target = BatchTarget(queue="q", definition="fn")
        return BatchSubmitter(client, Origin("https", "batch", 443), target, Log("CRITICAL"))

    def _store_call(self, method: str, ref: ObjectRef) -> None:
        del method, ref
        self.time.sleep(ROUND_TRIP)

    def _enqueuing(self, queued: QueuedInvocation) -> Callable[[], None]:
        def enqueue() -> None:
            self._queue.append(queued)
            self._dispatch()

        return enqueue

    def _dispatch(self) -> None:
        while self._queue and self._running < self.concurrency:
            queued = self._queue.popleft()
            self._running += 1
            warm = self._warm[queued.handler] > 0
            self._warm[queued.handler] -= warm
            invoke = partial(self.time.start_thread, partial(self._invoke, queued))
            self.time.call_after(WARM_START if warm else COLD_START, invoke)

    def _invoke(self, queued: QueuedInvocation) -> None:
        started = self.time.now
        deadline = started + (HANDLER_TIMEOUT if queued.handler else self.timeout)
        invocation = Invocation(
            owner=RunOwner(site=ComputeService.LAMBDA, request=queued.request),
            event=queued.event,
            deadline=deadline,
        )
        handler = self._handler if queued.handler else self._supervisor
        result = handler.handle(invocation)
        self.killed += self.time.now > deadline
        self.billed += self.time.now - started
        self.longest = max(self.longest, self.time.now - started)
        (run,) = result.results
        self.outcomes[f"{'handler' if queued.handler else 'function'} {run.state.value}"] += 1
        self._running -= 1
        self._warm[queued.handler] += 1
        error = response.find_error(result)
        if error is not None:
            self._retry(queued, response.build_error(error))
        self._dispatch()

    def _retry(self, queued: QueuedInvocation, answer: bytes) -> None:
        """Repeat a failed event as Lambda does, or send its record to the failure handler."""
        if queued.attempt < (FAILURE_HANDLER_RETRIES if queued.handler else self.retries):
            again = replace(queued, attempt=queued.attempt + 1)
            self.time.call_after(RETRY_PAUSES[queued.attempt], self._enqueuing(again))
        elif not queued.handler:
            payload = json.loads(answer)
            record = failed_invocation(
                json.loads(queued.event),
                (payload["errorType"], payload["errorMessage"]),
                request=queued.request,
            )
            failed = QueuedInvocation(
                handler=True, key=queued.key, request=f"h-{queued.request}", event=record.event
            )
            self.time.call_after(0.1, self._enqueuing(failed))

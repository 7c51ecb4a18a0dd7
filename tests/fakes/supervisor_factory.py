"""A Supervisor with fakes: a store in memory, a recording submitter, real or fake scripts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from supervisor import config
from supervisor.batch.failure_handler import FailureHandler
from supervisor.errors import SubmissionThrottled, SubmissionUnanswered
from supervisor.execution.core import Supervisor
from supervisor.execution.process_runner import ProcessRunner
from supervisor.invocation import Invocation, RunOwner
from supervisor.job_model import BatchTarget
from supervisor.logs import Log
from supervisor.model import ComputeService, ExecutionMode, FunctionConfig, InputRule, OutputRule
from tests.fakes.object_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supervisor.invocation import ProcessSpec
    from supervisor.job_model import JobRequest
    from supervisor.ports import ScriptRunner

NOW = 1_790_000_000.0
STATE = "scar-123456789012-us-east-1"
COPY = '#!/bin/sh\ncp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"\n'


@dataclass(slots=True)
class RecordingSubmitter:
    """Records the submitted jobs and numbers them: ``job-1``…

    The next ``throttled`` requests are throttled until their deadline. Then the responses of as
    many submissions are lost as ``lost`` has entries: True if the job was made nevertheless.
    ``before_loss`` is called in between. ``killed`` are attempts of jobs whose container was killed
    because memory was exhausted.
    """

    name: str = "job"
    throttled: int = 0
    lost: list[bool] = field(default_factory=list)
    before_loss: Callable[[], object] = lambda: None
    submitted: list[JobRequest] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    killed: set[tuple[str, int]] = field(default_factory=set)

    def submit(self, job: JobRequest, *, until: float | None = None) -> str:
        self._throttle(until)
        was_made = not self.lost or self.lost[0]
        if was_made:
            self.submitted.append(job)
        if self.lost:
            del self.lost[0]
            self.before_loss()
            raise SubmissionUnanswered("It is not known whether Batch accepted the job.")
        return f"{self.name}-{len(self.submitted)}"

    def has_ended(self, job: str, *, until: float | None = None) -> bool:
        self._throttle(until)
        return job in self.ended

    def was_out_of_memory(self, job: str, attempt: int) -> bool:
        self._throttle(None)
        return (job, attempt) in self.killed

    def _throttle(self, until: float | None) -> None:
        del until
        if self.throttled:
            self.throttled -= 1
            raise SubmissionThrottled("AWS Batch throttled SubmitJob.", remedy="Later.")


@dataclass(slots=True)
class PythonScript:
    """A ScriptRunner that calls a function instead of starting a process."""

    script: Callable[[ProcessSpec], int]
    tasks: list[ProcessSpec] = field(default_factory=list)

    def run(self, spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        self.tasks.append(spec)
        return self.script(spec), b"output"


@dataclass(slots=True)
class SupervisorHarness:
    """A supervisor, and the fakes that a test inspects afterwards."""

    supervisor: Supervisor
    store: MemoryStore
    submitter: RecordingSubmitter
    log: list[bytes]
    printed: list[bytes]
    temporary: Path


def new_harness(
    folder: Path,
    *,
    script: str = COPY,
    mode: ExecutionMode = ExecutionMode.LAMBDA,
    store: MemoryStore | None = None,
    runner: ScriptRunner | None = None,
    now: Callable[[], float] = lambda: NOW,
    upload_threads: int = 1,
) -> SupervisorHarness:
    """Return a supervisor of the function ``fn`` whose folders are below ``folder``.

    With one upload thread, outputs are uploaded in the caller's, one after the other.
    """
    home, temporary = folder / "home", folder / "tmp"
    (home / "function").mkdir(parents=True, exist_ok=True)
    temporary.mkdir(exist_ok=True)
    (home / "function" / "script.sh").write_text(script)
    log: list[bytes] = []
    printed: list[bytes] = []
    logger = Log("DEBUG", write=log.append)
    store = store or MemoryStore(clock=lambda: NOW)
    submitter = RecordingSubmitter()
    config = FunctionConfig(
        name="fn",
        mode=mode,
        state_bucket=STATE,
        script="script.sh",
        environment={"COLOUR": "blue"},
        inputs=(InputRule(bucket="data", folder="in/"),),
        outputs=(OutputRule(provider="s3", path="data/out"),),
        batch=BatchTarget(queue="q", definition="fn"),
    )
    supervisor = Supervisor(
        config=config,
        home=home,
        temporary=temporary,
        environ={"PATH": "/usr/bin:/bin"},
        open_store=lambda _provider: store,
        open_submitter=lambda: submitter,
        runner=runner or ProcessRunner(logger, write=printed.append, grace=0.3),
        log=logger,
        now=now,
        upload_threads=upload_threads,
    )
    return SupervisorHarness(supervisor, store, submitter, log, printed, temporary)


def notification(
    *keys: str, etag: str = "", sequencer: str = "00A1", bucket: str = "data"
) -> dict[str, object]:
    """Return an S3 event with the fields that the supervisor reads."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "eventTime": "2026-09-21T14:13:20.000Z",
                "s3": {
                    "bucket": {"name": bucket},
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "eTag": etag,
                        "sequencer": sequencer,
                    },
                },
            }
            for key in keys
        ]
    }


def lambda_invocation(
    event: object, *, request: str = "req-1", seconds: float | None = 300.0
) -> Invocation:
    """Return an invocation of the Lambda function with ``seconds`` of time left."""
    return Invocation(
        owner=RunOwner(site=ComputeService.LAMBDA, request=request),
        event=json.dumps(event).encode(),
        deadline=None if seconds is None else NOW + seconds,
        log_group="/aws/lambda/fn",
        log_stream="stream",
    )


TIMED_OUT = ("Sandbox.Timedout", "RequestId: req-1 Error: Task timed out after 300.00 seconds")
KILLED = ("Runtime.ExitError", "RequestId: req-1 Error: Runtime exited with error: signal: killed")


def new_failure_handler(harness: SupervisorHarness) -> FailureHandler:
    """Return the failure handler for the harness's function; store its configuration."""
    text = config.config_to_json(
        replace(harness.supervisor.config, environment={}, outputs=(), script="")
    )
    harness.store.put(config.function_config_key("fn"), text.encode(), bucket=STATE)
    return FailureHandler(
        name="scar-failure-handler",
        bucket=STATE,
        find_object=harness.store.find,
        list_objects=harness.store.list_objects,
        open_store=lambda _encryption: harness.store,
        open_submitter=lambda _target: harness.submitter,
        log=harness.supervisor.log,
        now=harness.supervisor.now,
    )


def failed_invocation(
    event: object,
    error: tuple[str, str] | None,
    *,
    request: str = "req-1",
    condition: str = "RetriesExhausted",
) -> Invocation:
    """Return an invocation of the failure handler with Lambda's invocation record.

    ``error`` is the error type and message of the failed invocation.
    """
    record: dict[str, object] = {
        "version": "1.0",
        "timestamp": "2026-09-21T14:19:20.000Z",
        "requestContext": {
            "requestId": request,
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:fn:$LATEST",
            "condition": condition,
            "approximateInvokeCount": 0 if error is None else 1,
        },
        "requestPayload": event,
    }
    if error is not None:
        record |= {
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": error[0], "errorMessage": error[1]},
        }
    return lambda_invocation(record, request=f"failed-{request}")


def job_invocation(
    job: JobRequest, store: MemoryStore, *, number: str = "job-1", attempt: int = 1
) -> Invocation:
    """Return the invocation that a Batch job reads from its environment."""
    from supervisor.runtime.batch_job import read_invocation

    environ = {
        **job.environment,
        "AWS_BATCH_JOB_ID": number,
        "AWS_BATCH_JOB_ATTEMPT": str(attempt),
    }
    return read_invocation(environ, "fn", lambda _provider: store, "fn/default/task")

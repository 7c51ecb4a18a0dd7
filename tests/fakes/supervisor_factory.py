"""A Supervisor over fakes: an in-memory store, a recording delegator, real or fake scripts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from supervisor import config
from supervisor.batch.failure_handler import FailureHandler
from supervisor.execution.core import Supervisor
from supervisor.execution.process_runner import ProcessRunner
from supervisor.invocation import Invocation, RunOwner
from supervisor.logs import Log
from supervisor.model import BatchTarget, ComputeService, ExecutionMode, FunctionConfig, OutputRule
from tests.fakes.object_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supervisor.invocation import ProcessSpec
    from supervisor.model import JobRequest
    from supervisor.ports import ScriptRunner

NOW = 1_790_000_000.0
STATE = "scar-123456789012-us-east-1"
COPY = '#!/bin/sh\ncp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"\n'


@dataclass(slots=True)
class RecordingDelegator:
    """Takes jobs and numbers them: ``job-1``…"""

    name: str = "job"

    submitted: list[JobRequest] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    def submit(self, job: JobRequest) -> str:
        self.submitted.append(job)
        return f"{self.name}-{len(self.submitted)}"

    def has_ended(self, job: str) -> bool:
        return job in self.ended


@dataclass(slots=True)
class PythonScript:
    """A ScriptRunner that calls a function instead of starting a process."""

    script: Callable[[ProcessSpec], int]
    tasks: list[ProcessSpec] = field(default_factory=list)

    def run(self, spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        self.tasks.append(spec)
        return self.script(spec), b"said"


@dataclass(slots=True)
class World:
    """Everything a test looks at afterwards."""

    supervisor: Supervisor
    store: MemoryStore
    delegator: RecordingDelegator
    log: list[bytes]
    printed: list[bytes]
    temporary: Path


def a_world(
    folder: Path,
    *,
    script: str = COPY,
    mode: ExecutionMode = ExecutionMode.LAMBDA,
    store: MemoryStore | None = None,
    runner: ScriptRunner | None = None,
    now: Callable[[], float] = lambda: NOW,
) -> World:
    home, temporary = folder / "home", folder / "tmp"
    (home / "function").mkdir(parents=True, exist_ok=True)
    temporary.mkdir(exist_ok=True)
    (home / "function" / "script.sh").write_text(script)
    log: list[bytes] = []
    printed: list[bytes] = []
    notes = Log("DEBUG", write=log.append)
    store = store or MemoryStore()
    delegator = RecordingDelegator()
    config = FunctionConfig(
        name="fn",
        mode=mode,
        state_bucket=STATE,
        script="script.sh",
        environment={"COLOUR": "blue"},
        outputs=(OutputRule(provider="s3", path="data/out"),),
        batch=BatchTarget(queue="q", definition="fn"),
    )
    supervisor = Supervisor(
        config=config,
        home=home,
        temporary=temporary,
        environ={"PATH": "/usr/bin:/bin"},
        open_store=lambda _provider: store,
        open_submitter=lambda: delegator,
        runner=runner or ProcessRunner(notes, write=printed.append, grace=0.3),
        log=notes,
        now=now,
    )
    return World(supervisor, store, delegator, log, printed, temporary)


def notification(
    *keys: str, etag: str = "", sequencer: str = "00A1", bucket: str = "data"
) -> dict[str, object]:
    """An S3 event as AWS sends it, cut down to what is read."""
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


def asked(event: object, *, request: str = "req-1", seconds: float | None = 300.0) -> Invocation:
    """An invocation of the Lambda function; ``seconds`` are left of its time."""
    return Invocation(
        owner=RunOwner(site=ComputeService.LAMBDA, request=request),
        event=json.dumps(event).encode(),
        deadline=None if seconds is None else NOW + seconds,
        log_group="/aws/lambda/fn",
        log_stream="stream",
    )


TIMED_OUT = ("Sandbox.Timedout", "RequestId: req-1 Error: Task timed out after 300.00 seconds")
KILLED = ("Runtime.ExitError", "RequestId: req-1 Error: Runtime exited with error: signal: killed")


def a_delegate(world: World) -> FailureHandler:
    """Return the failure handler of a world's function, with its configuration stored."""
    text = config.config_to_json(
        replace(world.supervisor.config, environment={}, outputs=(), script="")
    )
    world.store.put(config.function_config_key("fn"), text.encode(), bucket=STATE)
    return FailureHandler(
        bucket=STATE,
        open_store=lambda _provider: world.store,
        open_submitter=lambda _target: world.delegator,
        log=world.supervisor.log,
        now=world.supervisor.now,
    )


def given_up(
    event: object,
    answer: tuple[str, str] | None,
    *,
    request: str = "req-1",
    condition: str = "RetriesExhausted",
) -> Invocation:
    """What the delegate is sent: Lambda's record; ``answer`` is error type and message."""
    record: dict[str, object] = {
        "version": "1.0",
        "timestamp": "2026-09-21T14:19:20.000Z",
        "requestContext": {
            "requestId": request,
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:fn:$LATEST",
            "condition": condition,
            "approximateInvokeCount": 0 if answer is None else 1,
        },
        "requestPayload": event,
    }
    if answer is not None:
        record |= {
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": answer[0], "errorMessage": answer[1]},
        }
    return asked(record, request=f"lost-{request}")


def as_job(
    job: JobRequest, store: MemoryStore, *, number: str = "job-1", attempt: int = 1
) -> Invocation:
    """The invocation that a Batch job makes of what was submitted."""
    from supervisor.runtime.batch_job import read_invocation

    environ = {
        **job.environment,
        "AWS_BATCH_JOB_ID": number,
        "AWS_BATCH_JOB_ATTEMPT": str(attempt),
    }
    return read_invocation(environ, "fn", lambda _provider: store, "fn/default/task")

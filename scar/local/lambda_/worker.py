"""One sandbox of one function, from its cold start over its invocations to its end."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from scar.errors import ScarError
from scar.local.engines.port import SandboxExit, SandboxProfile, SandboxSpec
from scar.local.engines.storage import SandboxStorage
from scar.local.lambda_ import reports
from scar.local.lambda_.environment import SandboxContext, function_environment
from scar.local.lambda_.lineage import parse_chain
from scar.local.lambda_.log_stream import LogStreamWriter
from scar.local.lambda_.model import INIT_LIMIT, LambdaInvokeResult
from scar.local.lambda_.runtime_access import SandboxOnlyApp
from scar.local.lambda_.runtime_api import RuntimeApiServer, RuntimeInvocation, RuntimeResponse
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.engines.port import Engine, LocalImageResolver, Sandbox
    from scar.local.file_systems import FileSystemFolders
    from scar.local.http.messages import HttpApp
    from scar.local.lambda_.model import (
        DeployedFunction,
        FunctionCredentialsProvider,
        LogSink,
    )
    from scar.local.lambda_.port_listener import PortListener
    from scar.local.lambda_.reports import FunctionFailure

MB_PER_VCPU: Final = 1769  # Lambda Developer Guide, "Configure Lambda function memory"
_EXIT_SECONDS: Final = 10.0  # seconds an engine may take to report a process's exit
_DRAIN_SECONDS: Final = 0.25  # seconds to wait for output that has not reached the log


class InvocationInterruptedError(Exception):
    """The service was closed during the invocation, so its result is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDependencies:
    """Collaborators and settings that every worker needs to start a sandbox; in seconds."""

    engine: Engine
    images: LocalImageResolver
    logs: LogSink
    credentials: FunctionCredentialsProvider
    listen: Callable[[HttpApp], PortListener]
    endpoint_url: str
    file_systems: FileSystemFolders
    init_limit: float = INIT_LIMIT
    clock: Callable[[], float] = time.time


class Worker:
    """Serves one invocation at a time; while ``is_alive`` it may serve another one."""

    def __init__(self, function: DeployedFunction, dependencies: WorkerDependencies) -> None:
        self._function = function
        self.idle_since = 0.0
        self._dependencies = dependencies
        self._log = LogStreamWriter(
            dependencies.logs,
            f"/aws/lambda/{function.name}",
            _new_log_stream_name(),
            dependencies.clock,
        )
        self._api = RuntimeApiServer()
        self._listener: PortListener | None = None
        self._sandbox: Sandbox | None = None
        self._closing = threading.Lock()
        self._closed = False

    @property
    def function(self) -> DeployedFunction:
        return self._function

    @property
    def is_alive(self) -> bool:
        """Whether the sandbox can serve another invocation."""
        return not self._closed and self._sandbox is not None and not self._api.has_ended

    def flush(self) -> None:
        """Send the complete lines written so far to the log sink."""
        self._log.flush()

    def invoke(self, request_id: str, payload: bytes, trace: str = "") -> LambdaInvokeResult:
        """Run one invocation, after a cold start if there is no sandbox yet.

        ``trace`` is the trace id of the request that caused it; the invocation counts to its chain.
        Raise InvocationInterruptedError if the worker was closed meanwhile.
        """
        self._log.reset_tail()
        if self._sandbox is not None:
            self._sandbox.set_idle(is_idle=False)
        init_seconds, failure = (
            (None, None) if self._sandbox is not None else self._cold_start(request_id)
        )
        self._log.write_line(reports.start_line(request_id))
        started = time.monotonic()
        response = (
            self._end_with_failure(failure)
            if failure is not None
            else self._run_invocation(request_id, payload, trace)
        )
        # Lambda never reports more than the timeout, although ending a sandbox takes time.
        duration = min(time.monotonic() - started, float(self._function.timeout))
        # A failure while the worker is being closed is caused by that, not by the function.
        if self._closed and response.failure is not None:
            raise InvocationInterruptedError
        self._drain_output()
        for line in response.failure.log_lines if response.failure is not None else ():
            self._log.write_line(line)
        self._log.write_line(reports.end_line(request_id))
        usage = reports.InvocationUsage(
            duration=duration,
            memory_mb=self._function.memory_mb,
            peak_mb=self._sandbox.peak_memory_mb() if self._sandbox is not None else 0,
            init_duration=init_seconds,
        )
        if self._sandbox is not None:
            self._sandbox.set_idle(is_idle=True)
        self._log.write_line(reports.report_line(request_id, usage, response.failure))
        self._log.flush()
        return LambdaInvokeResult(
            request_id=request_id,
            payload=response.payload,
            function_error=reports.UNHANDLED if response.failure is not None else "",
            log_tail=self._log.tail,
        )

    def close(self) -> None:
        """Send SIGKILL to the sandbox, without SIGTERM, as Lambda does.

        May be called twice and from any thread.
        """
        with self._closing:
            self._closed = True
            self._close_sandbox()
            self._log.close()

    def _drain_output(self) -> None:
        """Wait for the sandbox's output, so that it precedes Lambda's own lines in the log."""
        if self._sandbox is not None:
            self._sandbox.drain(_DRAIN_SECONDS)

    def _cold_start(self, request_id: str) -> tuple[float, FunctionFailure | None]:
        """Start the sandbox; return the seconds until it was ready and its failure, or None.

        An initialisation that exceeds the limit continues within the invocation's timeout.
        """
        started = time.monotonic()
        try:
            self._start_sandbox()
        except ScarError as error:
            return 0.0, reports.start_failure(
                request_id, join_sentences(error.problem, error.remedy)
            )
        ready = self._api.wait_for_next(self._dependencies.init_limit)
        seconds = time.monotonic() - started
        # Not ready and no failure: the limit was exceeded, which is logged but is no failure.
        failure = None if ready else self._init_failure(request_id)
        if not ready:
            self._drain_output()
            self._log.write_line(reports.init_report_line(seconds, failure))
        return seconds, failure

    def _start_sandbox(self) -> None:
        dependencies, function = self._dependencies, self._function
        image = dependencies.images.resolve(function.image_uri)
        dependencies.engine.prepare(image)
        # Under the lock, so that close() either sees the started sandbox or prevents the start.
        with self._closing:
            if self._closed:
                raise InvocationInterruptedError
            guard = SandboxOnlyApp(self._api)
            self._listener = dependencies.listen(guard)
            context = SandboxContext(
                runtime_api=f"127.0.0.1:{self._listener.port}/{guard.token}",
                log_group=self._log.group,
                log_stream=self._log.stream,
                endpoint_url=dependencies.endpoint_url,
            )
            self._sandbox = dependencies.engine.start(
                SandboxSpec(
                    name=f"{function.name}-{secrets.token_hex(4)}",
                    image=image,
                    profile=SandboxProfile.LAMBDA,
                    environment=function_environment(
                        function, image.environment, context, dependencies.credentials(function)
                    ),
                    memory_mb=function.memory_mb,
                    vcpus=max(function.memory_mb / MB_PER_VCPU, 0.01),
                    tmp_mb=function.tmp_mb,
                    storage=SandboxStorage(
                        folders=tuple(
                            dependencies.file_systems.mount(arn, path)
                            for arn, path in function.file_systems
                        )
                    ),
                ),
                self._log.write,
            )
        threading.Thread(
            target=self._wait_for_exit,
            args=(self._sandbox,),
            name=f"exit of {function.name}",
            daemon=True,
        ).start()

    def _wait_for_exit(self, sandbox: Sandbox) -> None:
        sandbox.wait()
        self._api.mark_ended()

    def _init_failure(self, request_id: str) -> FunctionFailure | None:
        if (failure := self._api.init_failure) is not None:
            return failure
        return self._exit_failure(request_id) if self._api.has_ended else None

    def _run_invocation(self, request_id: str, payload: bytes, trace: str) -> RuntimeResponse:
        now = self._dependencies.clock()
        end = time.monotonic() + self._function.timeout
        self._api.offer_invocation(
            RuntimeInvocation(
                request_id=request_id,
                payload=payload,
                deadline_ms=int((now + self._function.timeout) * 1000),
                function_arn=self._function.arn,
                trace_id=parse_chain(trace).trace_id(self._function.arn, now),
            )
        )
        # For Lambda an invocation ends when the runtime asks for the next one, not when it
        # responds. A sandbox that does not do so in time is not reused.
        response, asks_for_next = self._api.wait_for_completion(end - time.monotonic())
        if response is None:
            return self._end_with_failure(self._missing_response_failure(request_id))
        if not asks_for_next:
            self._close_sandbox()
        return response

    def _missing_response_failure(self, request_id: str) -> FunctionFailure:
        if self._api.has_ended:
            return self._exit_failure(request_id)
        if (failure := self._api.init_failure) is not None:
            return failure
        self._api.expire_invocation()
        return reports.timeout_failure(
            request_id, self._function.timeout, self._dependencies.clock()
        )

    def _exit_failure(self, request_id: str) -> FunctionFailure:
        sandbox_exit = self._sandbox.wait(_EXIT_SECONDS) if self._sandbox is not None else None
        # Without an exit after that time the engine has lost the sandbox: as if killed (128 + 9).
        return reports.exit_failure(request_id, sandbox_exit or SandboxExit(status=137))

    def _end_with_failure(self, failure: FunctionFailure) -> RuntimeResponse:
        """Close the sandbox, which Lambda does not reuse after a failure; return the error."""
        self._close_sandbox()
        return RuntimeResponse(payload=failure.payload, failure=failure)

    def _close_sandbox(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
        self._api.mark_ended()
        if self._listener is not None:
            self._listener.close()


def _new_log_stream_name() -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"

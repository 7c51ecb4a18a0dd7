"""One sandbox of one function: cold start, calls one after another, the end."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from scar.errors import ScarError
from scar.local.engines.port import Exit, Profile, SandboxSpec
from scar.local.lambda_ import reports
from scar.local.lambda_.environment import Place, environment
from scar.local.lambda_.log_stream import StreamLog
from scar.local.lambda_.model import INIT_LIMIT, Result
from scar.local.lambda_.runtime_api import Answer, Call, RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.engines.port import Engine, Sandbox
    from scar.local.http.messages import Plane
    from scar.local.lambda_.model import DeployedFunction, FunctionCredentials, ImageStore, LogSink
    from scar.local.lambda_.port_listener import Listener
    from scar.local.lambda_.reports import Failure

MB_PER_VCPU: Final = 1769  # Lambda Developer Guide, "Configure Lambda function memory"
_EXIT_TAKES: Final = 10.0  # seconds an engine may take to say how a process ended
_DRAIN_SECONDS: Final = 0.25  # seconds that output may take on its way to the log


class Interrupted(Exception):
    """The service was closed while the call ran: nobody knows how it would have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What every worker needs to start a sandbox."""

    engine: Engine
    images: ImageStore
    logs: LogSink
    credentials: FunctionCredentials
    listen: Callable[[Plane], Listener]
    endpoint_url: str
    init_limit: float = INIT_LIMIT
    clock: Callable[[], float] = time.time


class Worker:
    """Serves one call at a time; ``alive`` tells whether it may serve another one."""

    def __init__(self, function: DeployedFunction, workshop: Workshop) -> None:
        self._function = function
        self.idle_since = 0.0
        self._workshop = workshop
        self._log = StreamLog(
            workshop.logs, f"/aws/lambda/{function.name}", _stream(), workshop.clock
        )
        self._api = RuntimeApi()
        self._listener: Listener | None = None
        self._sandbox: Sandbox | None = None
        self._closing = threading.Lock()
        self._closed = False

    @property
    def function(self) -> DeployedFunction:
        return self._function

    @property
    def alive(self) -> bool:
        """Whether the sandbox waits for another call."""
        return not self._closed and self._sandbox is not None and not self._api.ended

    def flush(self) -> None:
        """Pass on what the sandbox has written so far."""
        self._log.flush()

    def invoke(self, request_id: str, payload: bytes) -> Result:
        """Run one call; starts the sandbox if need be. Raise Interrupted if closed meanwhile."""
        self._log.begin_tail()
        init, failure = (None, None) if self._sandbox is not None else self._start(request_id)
        self._log.say(reports.started(request_id))
        begun = time.monotonic()
        answer = self._fail(failure) if failure is not None else self._run(request_id, payload)
        duration = min(time.monotonic() - begun, float(self._function.timeout))
        if self._closed and answer.failure is not None:
            raise Interrupted
        self._drain()
        for line in answer.failure.lines if answer.failure is not None else ():
            self._log.say(line)
        self._log.say(reports.finished(request_id))
        usage = reports.Usage(
            duration=duration,
            memory_mb=self._function.memory_mb,
            peak_mb=self._sandbox.peak_memory_mb() if self._sandbox is not None else 0,
            init=init,
        )
        self._log.say(reports.report(request_id, usage, answer.failure))
        self._log.flush()
        return Result(
            request_id=request_id,
            payload=answer.payload,
            function_error=reports.UNHANDLED if answer.failure is not None else "",
            tail=self._log.tail,
        )

    def close(self) -> None:
        """KILL the sandbox, without TERM as Lambda does; may be called twice, from any thread."""
        with self._closing:
            self._closed = True
            self._end()
            self._log.close()

    def _drain(self) -> None:
        """Let what the sandbox has written come before what is said about the call."""
        if self._sandbox is not None:
            self._sandbox.drain(_DRAIN_SECONDS)

    def _start(self, request_id: str) -> tuple[float, Failure | None]:
        """Start the sandbox; return the seconds until it was ready and how it failed, if it did.

        What is not ready after the limit goes on within the time of the call.
        """
        begun = time.monotonic()
        try:
            self._open()
        except ScarError as error:
            return 0.0, reports.not_started(request_id, f"{error.problem} {error.remedy}")
        ready = self._api.wait_for_next(self._workshop.init_limit)
        seconds = time.monotonic() - begun
        failure = None if ready else self._init_failure(request_id)
        if not ready:
            self._drain()
            self._log.say(reports.init_report(seconds, failure))
        return seconds, failure

    def _open(self) -> None:
        workshop, function = self._workshop, self._function
        image = workshop.images.resolve(function.image_uri)
        workshop.engine.prepare(image)
        with self._closing:
            if self._closed:
                raise Interrupted
            self._listener = workshop.listen(self._api)
            place = Place(
                runtime_api=f"127.0.0.1:{self._listener.port}",
                log_group=self._log.group,
                log_stream=self._log.stream,
                endpoint_url=workshop.endpoint_url,
            )
            self._sandbox = workshop.engine.start(
                SandboxSpec(
                    name=f"{function.name}-{secrets.token_hex(4)}",
                    image=image,
                    profile=Profile.LAMBDA,
                    environment=environment(
                        function, image.environment, place, workshop.credentials(function)
                    ),
                    memory_mb=function.memory_mb,
                    vcpus=max(function.memory_mb / MB_PER_VCPU, 0.01),
                    tmp_mb=function.tmp_mb,
                ),
                self._log.write,
            )
        threading.Thread(
            target=self._watch, args=(self._sandbox,), name=f"end of {function.name}", daemon=True
        ).start()

    def _watch(self, sandbox: Sandbox) -> None:
        sandbox.wait()
        self._api.end()

    def _init_failure(self, request_id: str) -> Failure | None:
        if (told := self._api.init_failure) is not None:
            return told
        return self._exit(request_id) if self._api.ended else None

    def _run(self, request_id: str, payload: bytes) -> Answer:
        end = time.monotonic() + self._function.timeout
        self._api.offer(
            Call(
                request_id=request_id,
                payload=payload,
                deadline_ms=int((self._workshop.clock() + self._function.timeout) * 1000),
                function_arn=self._function.arn,
            )
        )
        answer = self._api.wait_for_answer(end - time.monotonic())
        if answer is None:
            return self._fail(self._why_no_answer(request_id))
        # Lambda counts a call as over when the runtime asks for the next one.
        if not self._api.wait_for_next(max(end - time.monotonic(), 0.0)):
            self._end()
        return answer

    def _why_no_answer(self, request_id: str) -> Failure:
        if self._api.ended:
            return self._exit(request_id)
        if (told := self._api.init_failure) is not None:
            return told
        self._api.withdraw()
        return reports.timed_out(request_id, self._function.timeout, self._workshop.clock())

    def _exit(self, request_id: str) -> Failure:
        ended = self._sandbox.wait(_EXIT_TAKES) if self._sandbox is not None else None
        return reports.exited(request_id, ended or Exit(status=137))

    def _fail(self, failure: Failure) -> Answer:
        """End the sandbox: after such a failure Lambda uses it no more."""
        self._end()
        return Answer(payload=failure.payload, failure=failure)

    def _end(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
        self._api.end()
        if self._listener is not None:
            self._listener.close()


def _stream() -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"

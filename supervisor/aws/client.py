"""One AWS service in one region: sign, send, read the answer, repeat where that is safe."""

from __future__ import annotations

import enum
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, assert_never

from supervisor.aws.errors import AwsError, error_answer
from supervisor.aws.sigv4 import Scope, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from supervisor.aws.connection_pool import Connections, Reply
    from supervisor.aws.credentials import CredentialSource
    from supervisor.aws.request import AwsRequest

T = TypeVar("T")


class Repeat(enum.StrEnum):
    """When a request may be sent again without asking."""

    ALWAYS = "always"  # a second one changes nothing
    WITHOUT_EFFECT = "without effect"  # not sent, or refused by throttling
    NEVER = "never"  # the caller looks first what became of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How often a request is tried; pauses are random up to ``base`` · 2ⁿ seconds, then ``cap``.

    Source of the random ("full jitter") pauses: AWS Architecture Blog, "Exponential Backoff
    and Jitter". Six attempts take at most 12 seconds of pauses.
    """

    attempts: int = 6
    base: float = 0.4
    cap: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def tries(self) -> Iterator[int]:
        """Yield 1, 2, …, pausing in between."""
        for attempt in range(1, self.attempts + 1):
            yield attempt
            if attempt < self.attempts:
                self.sleep(self.random() * min(self.cap, self.base * 2 ** (attempt - 1)))


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer, read whole; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsClient:
    """Sends requests of one service. ``clock`` is in epoch seconds. Safe for threads.

    All methods raise AwsError, and ErrorAnswer for every status of 300 and above.
    """

    service: str
    region: str
    credentials: CredentialSource
    connections: Connections
    pacing: Pacing
    clock: Callable[[], float] = time.time

    def send(self, request: AwsRequest, *, repeat: Repeat = Repeat.ALWAYS) -> Answer:
        """Send it, again after failures as far as ``repeat`` allows, and read the answer."""

        def whole() -> Answer:
            reply = self._once(request, fresh=repeat is Repeat.WITHOUT_EFFECT)
            return Answer(reply.status, reply.headers, reply.read_all())

        return self._repeated(whole, repeat)

    def open(self, request: AwsRequest) -> Reply:
        """Like ``send`` for requests that change nothing; the caller reads and closes it."""
        return self._repeated(lambda: self._once(request), Repeat.ALWAYS)

    def _once(self, request: AwsRequest, *, fresh: bool = False) -> Reply:
        headers = sign(
            request,
            credentials=self.credentials.current(),
            scope=Scope(self.region, self.service),
            at=self.clock(),
        )
        reply = self.connections.exchange(request, headers, fresh=fresh)
        if reply.status >= 300:
            raise error_answer(reply.status, reply.headers, reply.read_all())
        return reply

    def _repeated(self, once: Callable[[], T], repeat: Repeat) -> T:
        for attempt in self.pacing.tries():
            try:
                return once()
            except AwsError as error:
                if attempt == self.pacing.attempts or not _may_repeat(error, repeat):
                    if attempt > 1:
                        error.add_note(f"This was attempt {attempt}.")
                    raise
        raise AssertionError


def _may_repeat(error: AwsError, repeat: Repeat) -> bool:
    match repeat:
        case Repeat.ALWAYS:
            return error.transient
        case Repeat.WITHOUT_EFFECT:
            return error.transient and not error.unsure
        case Repeat.NEVER:
            return False
        case _:
            assert_never(repeat)

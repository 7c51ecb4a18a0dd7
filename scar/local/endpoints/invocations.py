"""Invocations with a time limit: the caller stops waiting, the function continues."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.lambda_.model import LambdaInvokeResult

MOST_AT_ONCE = 256


class InvocationTimeoutError(Exception):
    """The function did not respond within the time limit; it continues."""


class TooManyInvocationsError(Exception):
    """``MOST_AT_ONCE`` invocations run or wait for a free slot."""


class TimedInvoker:
    """Runs invocations in threads of their own, ``limit`` at once; the rest is refused."""

    def __init__(self, limit: int = MOST_AT_ONCE) -> None:
        self._slots = threading.BoundedSemaphore(limit)

    def invoke(
        self, call: Callable[[], LambdaInvokeResult], timeout: float | None
    ) -> LambdaInvokeResult:
        """Return the result of ``call`` or raise its exception.

        Raise InvocationTimeoutError after ``timeout`` seconds, and TooManyInvocationsError.
        """
        if not self._slots.acquire(blocking=False):
            raise TooManyInvocationsError
        results: queue.SimpleQueue[LambdaInvokeResult | BaseException] = queue.SimpleQueue()

        def run() -> None:
            try:
                results.put(call())
            except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
                results.put(error)
            finally:
                self._slots.release()

        try:
            threading.Thread(target=run, name="endpoint invocation", daemon=True).start()
        except RuntimeError as error:  # no more threads
            self._slots.release()
            raise TooManyInvocationsError from error
        try:
            result = results.get(timeout=timeout)
        except queue.Empty:
            raise InvocationTimeoutError from None
        if isinstance(result, BaseException):
            raise result
        return result

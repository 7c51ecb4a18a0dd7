"""Waiting for futures: the completed ones are returned, and Ctrl-C interrupts."""

from __future__ import annotations

import signal
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

from scar.aws.client.waiter import wait_for_any
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType


def calls_of(thread: int) -> Iterator[CodeType]:
    """Return the functions on a thread's stack, the innermost first."""
    frame: FrameType | None = sys._current_frames()[thread]
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def test_completed_futures_are_separated_from_the_others() -> None:
    over: Future[int] = Future()
    over.set_result(1)
    going: Future[int] = Future()
    assert wait_for_any([over, going]) == ({over}, {going})


def test_nothing_is_waited_for_when_nothing_runs() -> None:
    assert wait_for_any([]) == (set(), set())


def test_running_futures_are_waited_for() -> None:
    going: Future[int] = Future()
    threading.Timer(0.5, going.set_result, [1]).start()
    assert wait_for_any([going]) == ({going}, set())


def test_ctrl_c_interrupts_although_another_thread_got_the_signal() -> None:
    """The signal arrives just before the main thread blocks, and does not interrupt the lock."""
    going: Future[int] = Future()
    main = threading.get_ident()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        until(lambda: wait_for_any.__code__ in calls_of(main))
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    other = threading.Thread(target=interrupt)
    other.start()
    # Ends the test if the signal is missed.
    late = threading.Timer(300, going.set_result, [1])
    late.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            wait_for_any([going])
        assert not going.done()
    finally:
        late.cancel()
        other.join()
        signal.signal(signal.SIGINT, before)

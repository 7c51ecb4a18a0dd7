"""The loop that looks for work that is due and runs it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

from scar.local.lambda_.dispatch_loop import DispatchLoop

if TYPE_CHECKING:
    import pytest

LONG = 60.0  # seconds; nothing waits for so long in a test that passes


def test_a_wake_ends_the_pause() -> None:
    looks: queue.Queue[None] = queue.Queue()

    def dispatch() -> float:
        looks.put(None)
        return LONG

    loop = DispatchLoop("test", dispatch, threads=1)
    loop.start()
    looks.get(timeout=LONG)
    loop.wake()
    looks.get(timeout=LONG)
    loop.stop()
    loop.join()


def test_an_error_is_logged_and_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    looks: queue.Queue[None] = queue.Queue()

    def dispatch() -> float:
        looks.put(None)
        if looks.qsize() == 1:
            raise ValueError("broken")
        return LONG

    loop = DispatchLoop("test", dispatch, threads=1)
    with caplog.at_level(logging.ERROR):
        loop.start()
        until = time.monotonic() + LONG
        while looks.qsize() < 2 and time.monotonic() < until:
            time.sleep(0.01)
        loop.stop()
    loop.join()
    assert looks.qsize() == 2
    assert "the test failed" in caplog.text


def test_work_that_runs_continues_after_a_stop_and_its_pauses_end() -> None:
    started, paused = threading.Event(), []

    def work(seconds: float) -> None:
        started.set()
        paused.append(loop.pause(seconds))

    loop = DispatchLoop("test", lambda: LONG, threads=1)
    loop.submit(work, LONG)
    started.wait(LONG)
    loop.stop()
    loop.join()
    assert paused == [True]
    assert loop.is_closed

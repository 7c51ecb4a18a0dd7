"""A claim is renewed while a run goes on."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from supervisor.errors import ClaimLost, StorageError
from supervisor.heartbeat import beating
from supervisor.logs import Log

SOON = 0.001


def quiet() -> Log:
    return Log("DEBUG", write=lambda _line: None)


def test_the_claim_is_renewed_until_the_run_ends() -> None:
    twice = threading.Semaphore(0)
    with beating(twice.release, SOON, quiet()):
        assert twice.acquire(timeout=300)
        assert twice.acquire(timeout=300)
    assert threading.active_count() == 1 or all(
        thread.name != "heartbeat" for thread in threading.enumerate()
    )


def test_a_short_run_renews_nothing() -> None:
    def renew() -> None:
        raise AssertionError

    with beating(renew, 300.0, quiet()):
        pass


def test_a_lost_claim_interrupts_the_run() -> None:
    def renew() -> None:
        raise ClaimLost("taken")

    def sleep() -> None:
        time.sleep(300)
        raise AssertionError

    with pytest.raises(ClaimLost), beating(renew, SOON, quiet()):
        sleep()


def test_a_loss_that_was_not_heard_is_told_again() -> None:
    given: list[int] = []
    hearing: list[Any] = []
    armed = threading.Event()

    def renew() -> None:
        assert armed.wait(300)
        raise ClaimLost("taken")

    def miss(number: int, _frame: object) -> None:
        given.append(number)  # as if it came just before a system call, which does not notice
        signal.signal(number, hearing[0])

    def sleep() -> None:
        hearing.append(signal.signal(signal.SIGUSR1, miss))
        armed.set()
        for _ in range(3000):
            time.sleep(0.1)
        raise AssertionError

    before = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(ClaimLost), beating(renew, SOON, quiet()):
        sleep()
    assert given == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_store_that_fails_for_a_while_does_not_end_the_run() -> None:
    beats: list[int] = []
    third = threading.Event()

    def renew() -> None:
        beats.append(1)
        if len(beats) > 2:
            third.set()
        raise StorageError("away")

    with beating(renew, SOON, quiet()):
        assert third.wait(300)


def test_in_another_thread_the_loss_is_told_at_the_end() -> None:
    told: list[BaseException] = []
    lost = threading.Event()

    def renew() -> None:
        lost.set()
        raise ClaimLost("taken")

    def run() -> None:
        try:
            with beating(renew, SOON, quiet()):
                assert lost.wait(300)
        except ClaimLost as error:
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(300)
    assert len(told) == 1

"""A claim is renewed while its run is executed."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from supervisor.errors import ClaimLost, StorageError, Terminated
from supervisor.logs import Log
from supervisor.runs.heartbeat import renew_periodically

SOON = 0.001


def quiet() -> Log:
    return Log("DEBUG", write=lambda _line: None)


def test_the_claim_is_renewed_until_the_run_ends() -> None:
    renewals = threading.Semaphore(0)
    threads = set[threading.Thread]()

    def renew() -> None:
        threads.add(threading.current_thread())
        renewals.release()

    with renew_periodically(renew, SOON, quiet()):
        assert renewals.acquire(timeout=300)
        assert renewals.acquire(timeout=300)
    assert [thread.is_alive() for thread in threads] == [False]


def test_a_short_run_renews_nothing() -> None:
    def renew() -> None:
        raise AssertionError

    with renew_periodically(renew, 300.0, quiet()):
        pass


def test_a_lost_claim_interrupts_the_run() -> None:
    def renew() -> None:
        raise ClaimLost("taken")

    def sleep() -> None:
        time.sleep(300)
        raise AssertionError

    with pytest.raises(ClaimLost), renew_periodically(renew, SOON, quiet()):
        sleep()


def test_a_signal_at_the_end_does_not_leave_a_renewal_under_way() -> None:
    """In Python 3.11 it would, if the end of the thread were waited for by Thread.join()."""
    begun, left = threading.Event(), threading.Event()
    finished: list[bool] = []
    main = threading.main_thread().ident or 0

    def renew() -> None:
        begun.set()
        left.wait(300)
        time.sleep(0.05)  # the main thread is waiting, most likely
        signal.pthread_kill(main, signal.SIGUSR2)
        time.sleep(0.2)
        finished.append(True)

    def terminate(_number: int, _frame: object) -> None:
        raise Terminated

    def leave_during_a_renewal() -> None:
        assert begun.wait(300)
        left.set()

    previous = signal.signal(signal.SIGUSR2, terminate)
    try:
        with pytest.raises(Terminated), renew_periodically(renew, SOON, quiet()):
            leave_during_a_renewal()
    finally:
        signal.signal(signal.SIGUSR2, previous)
    assert finished == [True]


def test_a_claim_lost_at_once_leaves_no_thread_and_no_signal_handler() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    for _ in range(100):  # the signal arrives while the thread is started, or soon afterwards
        threads: list[threading.Thread] = []

        def renew(threads: list[threading.Thread] = threads) -> None:
            threads.append(threading.current_thread())
            raise ClaimLost("taken")

        with pytest.raises(ClaimLost), renew_periodically(renew, 0.0, quiet()):
            time.sleep(30)
        assert not threads[0].is_alive()
        assert signal.getsignal(signal.SIGUSR1) is before


def test_a_signal_that_was_missed_is_sent_again() -> None:
    missed: list[int] = []
    handlers: list[Any] = []
    armed = threading.Event()

    def renew() -> None:
        assert armed.wait(300)
        raise ClaimLost("taken")

    def miss(number: int, _frame: object) -> None:
        missed.append(
            number
        )  # as if it came just before a system call, which then is not interrupted
        signal.signal(number, handlers[0])

    def sleep() -> None:
        handlers.append(signal.signal(signal.SIGUSR1, miss))
        armed.set()
        for _ in range(3000):
            time.sleep(0.1)
        raise AssertionError

    before = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(ClaimLost), renew_periodically(renew, SOON, quiet()):
        sleep()
    assert missed == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_store_that_fails_for_a_while_does_not_end_the_run() -> None:
    beats: list[int] = []
    third = threading.Event()

    def renew() -> None:
        beats.append(1)
        if len(beats) > 2:
            third.set()
        raise StorageError("away")

    with renew_periodically(renew, SOON, quiet()):
        assert third.wait(300)


def test_in_another_thread_the_loss_is_raised_at_the_end() -> None:
    raised: list[BaseException] = []
    lost = threading.Event()

    def renew() -> None:
        lost.set()
        raise ClaimLost("taken")

    def run() -> None:
        try:
            with renew_periodically(renew, SOON, quiet()):
                assert lost.wait(300)
        except ClaimLost as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(300)
    assert len(raised) == 1

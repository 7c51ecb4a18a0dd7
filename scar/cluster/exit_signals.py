"""End a program in order at SIGTERM, so that its clusters are closed."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

EXIT_STATUS = 128 + signal.SIGTERM  # as shells report it


def exit_at_term() -> Callable[[], None]:
    """Make SIGTERM raise SystemExit; return a function that restores what was before.

    Without a handler Python ends at once, without its ``finally`` clauses and atexit functions. A
    handler of the program remains as it is, and only the main thread may set one.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return lambda: None
    signal.signal(signal.SIGTERM, raise_exit)

    def restore() -> None:
        can_set = threading.current_thread() is threading.main_thread()
        if can_set and signal.getsignal(signal.SIGTERM) is raise_exit:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    return restore


def raise_exit(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the closing
    raise SystemExit(EXIT_STATUS)

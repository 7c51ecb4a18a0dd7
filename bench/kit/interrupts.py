"""End a benchmark on Ctrl-C, TERM or HUP in a way that leaves no process behind."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def exit_on_signals() -> None:
    """Leave all blocks on the first signal; ignore further ones while that ends processes."""
    for number in SIGNALS:
        signal.signal(number, _exit)


@contextmanager
def undivided() -> Iterator[None]:
    """Delay signals until the block has ended.

    For a start whose process could not be found yet, and for the end of one.
    """
    received: list[int] = []
    # Not a mask: processes that are started would inherit it.
    handlers = {
        number: signal.signal(number, lambda found, _: received.append(found))
        for number in SIGNALS
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def _exit(number: int, _: object) -> None:
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    print("Interrupted: ending what was started.", file=sys.stderr, flush=True)
    sys.exit(128 + number)

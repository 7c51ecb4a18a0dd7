"""A pseudo-terminal of a command, relayed to the terminal of this process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import termios
import tty
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN, STDOUT, STDERR = 0, 1, 2
CHUNK = 65536
_SIZE_BYTES = 8  # struct winsize: four unsigned short


def has_terminal() -> bool:
    """Return whether a person sits before this process: its input and output are a terminal."""
    return os.isatty(STDIN) and os.isatty(STDOUT)


@dataclass(frozen=True, slots=True)
class PseudoTerminal:
    """Both ends as descriptors: the command gets ``slave``, this process relays ``master``."""

    master: int
    slave: int

    @classmethod
    @contextlib.contextmanager
    def open(cls) -> Iterator[Self]:
        master, slave = os.openpty()
        try:
            yield cls(master, slave)
        finally:
            os.close(master)
            os.close(slave)

    @staticmethod
    def attach(slave: int) -> None:
        """Make it the controlling terminal of this session, and its streams that are terminals."""
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for stream in (STDIN, STDOUT, STDERR):
            if os.isatty(stream):
                os.dup2(slave, stream)

    def relay(self, child: int) -> None:
        """Copy input, output and size until the child process ends."""
        with _raw_terminal(), self._followed_size():
            pidfd = os.pidfd_open(child)
            try:
                self._copy_until(pidfd)
            finally:
                os.close(pidfd)

    def _copy_until(self, pidfd: int) -> None:
        poll = select.poll()
        for descriptor in (STDIN, self.master, pidfd):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self.master in ready:
                _write_all(STDOUT, os.read(self.master, CHUNK))
                continue  # all output comes before the end
            if pidfd in ready:
                return
            if STDIN in ready:
                typed = os.read(STDIN, CHUNK)
                if not typed:  # the terminal was closed
                    poll.unregister(STDIN)
                _write_all(self.master, typed)

    @contextlib.contextmanager
    def _followed_size(self) -> Iterator[None]:
        """Give the command's terminal the size of this process's, now and when it changes."""

        def copy_size(*_: object) -> None:
            size = fcntl.ioctl(STDIN, termios.TIOCGWINSZ, bytes(_SIZE_BYTES))
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

        before = signal.signal(signal.SIGWINCH, copy_size)
        try:
            copy_size()
            yield
        finally:
            signal.signal(signal.SIGWINCH, before)


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Let every key through to the command; restore the terminal at the end."""
    settings = termios.tcgetattr(STDIN)
    try:
        tty.setraw(STDIN, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(STDIN, termios.TCSADRAIN, settings)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]

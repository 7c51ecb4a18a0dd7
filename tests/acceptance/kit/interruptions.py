"""Ctrl-C, SIGTERM and SIGHUP during an acceptance run: end the steps, never the clean-up."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from tests.acceptance.kit.journal import Journal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """Let the kernel interrupt this process if the runner is killed, so that no step goes on."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@dataclass(slots=True)
class Interruptions:
    """The first signal interrupts the steps, the second kills them; later ones have no effect."""

    journal: Journal
    say: Callable[[str], None]
    count: int = 0
    _steps: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Handle the signals of this process from now on."""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def run(self, command: Sequence[str], environment: dict[str, str]) -> int:
        """Run the steps in a process group of their own; return their exit status."""
        if self.count:
            return -signal.SIGINT
        # A signal of the terminal reaches this process only, which passes it on.
        self._steps = subprocess.Popen(
            command,
            env=environment,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - one call of a function found before
        )
        try:
            while True:
                # A signal between a test of `count` and a wait without a limit would be missed.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return self._steps.wait(POLL_SECONDS)
        finally:
            self._kill_group(signal.SIGKILL)
            self._steps = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.count += 1
        name = signal.Signals(number).name
        self.journal.append("interruption", text=f"{name} number {self.count}")
        if self._steps is None:
            self.say(f"{name}: cleaning up; please wait. A killed clean-up can be repeated.")
        elif self.count == 1:
            self.say(f"{name}: the steps are interrupted, then everything is removed.")
            self._kill_group(signal.SIGINT)
        else:
            self.say(f"{name}: the steps are killed, then everything is removed.")
            self._kill_group(signal.SIGKILL)

    def _kill_group(self, number: signal.Signals) -> None:
        if self._steps is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._steps.pid, number)

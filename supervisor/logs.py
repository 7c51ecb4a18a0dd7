"""The supervisor's log: JSON lines on standard error, next to the script's output."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def write_to_stderr(line: bytes) -> None:
    """Write a whole line in one call, so that it does not mix with the script's output."""
    os.write(2, line)


@dataclass(frozen=True, slots=True)
class Log:
    """Writes messages of ``level`` and above; event bodies are for DEBUG only."""

    level: str = "INFO"
    run: str = ""
    write: Callable[[bytes], None] = write_to_stderr
    now: Callable[[], float] = time.time

    def for_run(self, run: str) -> Log:
        return Log(self.level, run, self.write, self.now)

    def debug(self, message: str, **fields: str) -> None:
        self._write_line("DEBUG", message, fields)

    def info(self, message: str, **fields: str) -> None:
        self._write_line("INFO", message, fields)

    def warning(self, message: str, **fields: str) -> None:
        self._write_line("WARNING", message, fields)

    def error(self, message: str, **fields: str) -> None:
        self._write_line("ERROR", message, fields)

    def _write_line(self, level: str, message: str, fields: dict[str, str]) -> None:
        if LEVELS[level] < LEVELS.get(self.level.upper(), LEVELS["INFO"]):
            return
        now = self.now()
        stamp = (
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1e3) % 1000:03}Z"
        )
        entry = {"time": stamp, "level": level, "message": message, **fields}
        if self.run:
            entry["run"] = self.run
        self.write((json.dumps(entry) + "\n").encode())

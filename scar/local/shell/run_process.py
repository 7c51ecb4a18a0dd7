"""Find the process of a run's script among the processes of this machine."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.local.processes import start_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class RunProcessError(ScarError):
    """The run has no process that this user can enter, or no command starts beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProcess:
    """The process of a script; ``started`` is in clock ticks since boot, as in ``processes``."""

    pid: int
    started: int
    environment: Mapping[str, str]


def find_run_process(run_id: str, endpoint_url: str) -> RunProcess:
    """Return the first process of the run's script; raise RunProcessError if there is none.

    ``endpoint_url`` is that of the local cloud: two local clouds on one machine may have a run of
    the same id. While a job has no script, its supervisor is returned.
    """
    found = [p for p in _list_processes() if p.environment.get("SCAR_RUN_ID") == run_id]
    if not found:
        raise RunProcessError(
            f"No process of run {run_id} can be entered by user {os.geteuid()}.",
            remedy="If the run has just started or ended, try again. The processes of a container"
            " of Docker, or of another user's local cloud, can only be entered by root.",
        )
    # Of the script's processes the first is the script; the others descend from it, or are the
    # shells of other calls of this command.
    return min(
        found,
        key=lambda p: (
            p.environment.get("AWS_ENDPOINT_URL") != endpoint_url,
            "TMP_INPUT_DIR" not in p.environment,
            p.started,
            p.pid,
        ),
    )


def _list_processes() -> Iterator[RunProcess]:
    """Yield the processes whose environment this user can read."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            environment = _parse_environment((folder / "environ").read_bytes())
            started = start_time(int(folder.name)) if environment else None
            if started is not None:
                yield RunProcess(pid=int(folder.name), started=started, environment=environment)


def _parse_environment(data: bytes) -> dict[str, str]:
    pairs = (entry.partition(b"=") for entry in data.split(b"\0") if b"=" in entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}

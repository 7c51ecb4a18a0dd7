"""What happens to events, invocations, sandboxes, jobs and log lines under ``--chaos``.

Pure decisions of a seed; the modules beside this one make them happen in the local cloud, and
tests in a simulation with a virtual clock.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.conditions.table import Condition

if TYPE_CHECKING:
    from scar.local.conditions.draws import Draws


class JobEnd(enum.StrEnum):
    """How an attempt of a job ends by chance: reclaimed, vanished, or never started."""

    SPOT = "SIGTERM, then the host is gone"
    HOST = "the host is gone"
    PULL = "CannotPullContainerError"


@dataclass(frozen=True, slots=True)
class JobFate:
    """The attempt ends after ``seconds``, whatever it does."""

    end: JobEnd
    seconds: float


@dataclass(frozen=True, slots=True)
class SandboxFate:
    """The sandbox dies ``seconds`` after its start."""

    seconds: float
    out_of_memory: bool


def event_delays(draws: Draws, event: str) -> tuple[float, ...]:
    """Return for each delivery of an S3 event after how many seconds it comes: one, or two."""
    delayed = draws.draw(Condition.EVENT_DELAYED, event)
    duplicated = draws.draw(Condition.EVENT_DUPLICATED, event)
    first = delayed.seconds if delayed else 0.0
    return (first, duplicated.seconds) if duplicated else (first,)


def is_throttled(draws: Draws, function: str) -> bool:
    """Return whether the next invocation of a function is throttled."""
    return draws.draw_fault((Condition.INVOCATION_THROTTLED,), function) is not None


def sandbox_fate(draws: Draws, function: str) -> SandboxFate | None:
    """Return the fate of a function's next sandbox; None: it lives until it is not needed."""
    conditions = (Condition.SANDBOX_KILLED, Condition.SANDBOX_OUT_OF_MEMORY)
    occurrence = draws.draw_fault(conditions, function)
    if occurrence is None:
        return None
    is_memory = occurrence.condition is Condition.SANDBOX_OUT_OF_MEMORY
    return SandboxFate(occurrence.seconds, is_memory)


def job_fate(draws: Draws, function: str, attempt: int) -> JobFate | None:
    """Return the fate of a job's attempt: at most its first one is lost."""
    if attempt != 1:
        return None
    conditions = (Condition.SPOT_RECLAIMED, Condition.HOST_LOST, Condition.JOB_NOT_STARTED)
    occurrence = draws.draw_one(conditions, function)
    if occurrence is None:
        return None
    end = {
        Condition.SPOT_RECLAIMED: JobEnd.SPOT,
        Condition.HOST_LOST: JobEnd.HOST,
        Condition.JOB_NOT_STARTED: JobEnd.PULL,
    }[occurrence.condition]
    return JobFate(end, occurrence.seconds)

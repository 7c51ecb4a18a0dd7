"""What starts runs, who works on them, and what became of them. Pure data, no I/O."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supervisor.errors import SupervisorError
    from supervisor.model import ComputeService, ObjectRef, VersionPin


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent:
    """One object that a store announced; ``event`` is a JSON event with this record alone.

    ``time`` is the store's own text, ``sequencer`` its hexadecimal order of writes to a key,
    ``size`` in bytes (0: not told).
    ``wish`` is set when a person asked for the run (``scar run``): it is a run of its own, not
    the one that the object's upload started.
    """

    source: ObjectRef
    version: VersionPin
    sequencer: str
    time: str
    event: str
    manual_run_id: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectInvocation:
    """A call without an object. ``payload`` (if not None) becomes the file ``file_name``.

    ``script`` or ``arguments`` (if not None) replace what the function would run; both
    together are a script and its arguments;
    ``parameters`` become ``CONT_VAR_<name>``. ``api``: the caller wants an HTTP-like answer.
    """

    event: str
    script: bytes | None = None
    arguments: tuple[str, ...] | None = None
    payload: bytes | None = None
    file_name: str = "event.json"
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_api_request: bool = False


Trigger = ObjectEvent | DirectInvocation


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOwner:
    """Who works on a run: a Lambda request, or attempt ``attempt`` (from 1) of a Batch job.

    ``request`` of a job is the Lambda request that delegated it.
    """

    site: ComputeService
    request: str
    job: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One event to work on. ``deadline`` is in epoch seconds, None if there is none.

    ``run_id`` and ``date`` are set for a run that Lambda delegated.
    """

    owner: RunOwner
    event: bytes
    deadline: float | None = None
    run_id: str = ""
    date: str = ""
    log_group: str = ""
    log_stream: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPath:
    """Where a run's record is kept in the state bucket; ``date`` is YYYY-MM-DD."""

    function: str
    date: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.function}/{self.date}/{self.run_id}"

    def key(self, record: str) -> str:
        """Name the object of one record: ``claim``, ``done``, ``attempt-1``…"""
        return f"runs/{self}/{record}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One program to run. ``folder`` is the run's own and given to ``user``.

    ``user`` is Docker's ``name|uid[:group|gid]``, empty for the supervisor's own.
    """

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    folder: Path
    user: str = ""


class RunOutcome(enum.StrEnum):
    """How a run ended, as far as this process is concerned."""

    DONE = "done"
    SUBMITTED = "delegated"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """``output`` is the end of what the script printed; ``job`` names the Batch job."""

    run: RunPath
    state: RunOutcome
    output: bytes = b""
    job_id: str = ""
    error: SupervisorError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResult:
    """What became of an event: one result per run, none if it announced nothing to do."""

    results: tuple[RunResult, ...] = ()
    is_api_request: bool = False

"""What starts runs, and who executes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.errors import EventError
    from supervisor.job_model import JobOptions
    from supervisor.model import ComputeService, ObjectRef, VersionPin

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")


def is_run_id(text: str) -> bool:
    """Return whether the text can be a run id: it becomes part of keys and of paths."""
    return _RUN_ID.fullmatch(text) is not None


def is_run_date(text: str) -> bool:
    """Return whether the text has the form of a run's date."""
    return _DATE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent:
    """The notification of one new object; ``event`` is a JSON event with this record alone.

    ``time`` is S3's text, ``sequencer`` its hexadecimal order of writes to a key, ``size`` in
    bytes (0: unknown). ``manual_run_id`` is set by ``scar run``: such an event is a run of its
    own, different from the run that the upload of the object started. ``is_recovered``: the failure
    handler built the event, whose sequencer nothing confirms. ``job``: what its job is to have;
    ``refusal``: why it cannot have what the event requests.
    """

    source: ObjectRef
    version: VersionPin
    sequencer: str
    time: str
    event: str
    manual_run_id: str = ""
    size: int = 0
    is_recovered: bool = False
    job: JobOptions | None = None
    refusal: EventError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What a request of API Gateway or a function URL has besides its body.

    ``headers`` are those that a script may know, by lower-case name. ``body_id`` names an object
    with the body (``endpoint.bodies``), empty if the request has its body itself.
    ``is_asynchronous``: the caller does not wait for the end of the run.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body_id: str = ""
    is_asynchronous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectInvocation:
    """An invocation without an object. ``payload`` (if not None) becomes the file ``file_name``.

    ``script`` or ``arguments`` (if not None) replace the function's own command; both together
    are a script and its arguments. ``parameters`` become the variables ``CONT_VAR_<name>``.
    ``is_api_request``: failures are HTTP responses (status 500) instead of Lambda errors.
    ``request`` is set for requests of an HTTP endpoint, also for those that the function accepted
    and sent to itself asynchronously (``accepted``: their run's id and date).
    ``job``: what its Batch job is to have; ``refusal``: why it cannot have what the event requests.
    """

    event: str
    script: bytes | None = None
    arguments: tuple[str, ...] | None = None
    payload: bytes | None = None
    file_name: str = "event.json"
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_api_request: bool = False
    request: HttpRequest | None = None
    accepted: tuple[str, str] | None = None
    job: JobOptions | None = None
    refusal: EventError | None = None


Trigger = ObjectEvent | DirectInvocation


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOwner:
    """Who executes a run: a Lambda request, or attempt ``attempt`` (from 1) of a Batch job.

    ``request`` of a job is the Lambda request that submitted it.
    """

    site: ComputeService
    request: str
    job: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """A job's place among those of its run: ``number`` from 1, and what it requested.

    ``previous`` is the job that submitted it, and its attempt: that one's claim may be taken over.
    """

    options: JobOptions
    number: int = 1
    previous: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNode:
    """The node of a multi-node job that this process is: its number, from 0, of ``count``.

    ``main`` is the number of the main node, which owns the run: only it writes the run's record and
    uploads outputs.
    """

    index: int
    count: int
    main: int = 0

    @property
    def is_main(self) -> bool:
        return self.index == self.main


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One event and who handles it. ``deadline`` is in epoch seconds, None without a limit.

    ``run_id`` and ``date`` are set for a run that Lambda submitted to Batch. ``trace`` is the AWS
    X-Ray trace id (``Root=…``), by which Lambda detects recursive loops; empty: not known. ``job``
    is set in a job of a function with ``batch.retry``; ``node`` is None outside of multi-node jobs.
    """

    owner: RunOwner
    event: bytes
    deadline: float | None = None
    run_id: str = ""
    date: str = ""
    log_group: str = ""
    log_stream: str = ""
    trace: str = ""
    job: RunJob | None = None
    node: JobNode | None = None

    @property
    def log_location(self) -> dict[str, object]:
        """Where this process logs, as records of runs and nodes have it."""
        return {"log_group": self.log_group, "log_stream": self.log_stream}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPath:
    """The folder of a run's record in the state bucket; ``date`` is YYYY-MM-DD."""

    function: str
    date: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.function}/{self.date}/{self.run_id}"

    def key(self, record: str) -> str:
        """Return the key of one object of the record: ``claim``, ``done``, ``attempt-1``, …"""
        return f"runs/{self}/{record}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One program to run. ``folder`` is the run's own; ``user`` becomes its owner.

    ``has_own_home``: the image or the function sets ``HOME``, so it is not the user's from passwd.

    ``user`` has Docker's form ``name|uid[:group|gid]``; empty: the supervisor's own user.
    ``copy_output`` gets all of the program's output, piece by piece.
    """

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    folder: Path
    has_own_home: bool = False
    user: str = ""
    copy_output: Callable[[bytes], None] | None = None

    @property
    def home(self) -> Path:
        """The folder that becomes ``HOME`` if the program has no writable one."""
        return self.folder / "home"

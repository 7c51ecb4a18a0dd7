"""The options that say what one Batch job requests: --vcpus, --memory and others."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import click

from supervisor.model import JobOptions

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_OPTIONS = (
    click.option("--vcpus", type=click.FloatRange(min=0.25), help="vCPUs of the Batch job."),
    click.option("--memory", type=click.IntRange(4), metavar="MIB", help="Memory of the job."),
    click.option("--gpus", type=click.IntRange(1), help="GPUs of the job."),
    click.option(
        "--timeout", type=click.IntRange(60), metavar="SECONDS", help="Time limit of its attempts."
    ),
    click.option(
        "--attempts", type=click.IntRange(1, 10), help="Attempts if its host is lost (1 to 10)."
    ),
    click.option("--queue", metavar="NAME", help="One of the function's job queues."),
    click.option("--nodes", type=click.IntRange(2), help="Nodes of a multi-node job."),
)


def job_options(function: F) -> F:
    """Add the options; the command gets them as ``job``, None if none is given."""

    @functools.wraps(function)
    def command(  # noqa: PLR0913 one argument per option
        *arguments: object,
        vcpus: float | None,
        memory: int | None,
        gpus: int | None,
        timeout: int | None,
        attempts: int | None,
        queue: str | None,
        nodes: int | None,
        **values: object,
    ) -> Any:  # noqa: ANN401 - what the command returns
        job = JobOptions(
            vcpus=f"{vcpus:g}" if vcpus else "",
            memory=memory or 0,
            gpus=gpus or 0,
            timeout=timeout or 0,
            attempts=attempts or 0,
            queue=queue or "",
            nodes=nodes or 0,
        )
        return function(*arguments, job=None if job == JobOptions() else job, **values)

    decorated: Any = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    result: F = decorated
    return result

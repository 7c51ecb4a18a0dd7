"""The options that say what one Batch job requests: --vcpus, --memory and others."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.aws.model import limits

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_MOST_GPUS = 16


class VcpuRange(click.FloatRange):
    """A number of vCPUs that a job can have."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as in click
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the number; "nan" is a number to Python, and in no range."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of vCPUs.", param, ctx)
        return number


def _integers(limit: limits.Limit) -> click.IntRange:
    return click.IntRange(limit.minimum, limit.maximum)


_OPTIONS = (
    click.option(
        "--vcpus",
        type=VcpuRange(min(map(float, limits.FARGATE_MEMORY)), limits.BATCH_VCPUS.maximum),
        metavar="NUMBER",
        help="vCPUs of the Batch job.",
    ),
    click.option(
        "--memory", type=_integers(limits.BATCH_MEMORY), metavar="MIB", help="Memory of the job."
    ),
    click.option(
        "--gpus", type=_integers(limits.BATCH_GPUS), metavar="NUMBER", help="GPUs of the job."
    ),
    click.option(
        "--timeout",
        type=_integers(limits.BATCH_ATTEMPT_SECONDS),
        metavar="SECONDS",
        help="Time limit of its attempts.",
    ),
    click.option(
        "--attempts",
        type=_integers(limits.BATCH_ATTEMPTS),
        help="Attempts if its host is lost (1 to 10).",
    ),
    click.option("--queue", metavar="NAME", help="One of the function's job queues."),
    click.option(
        "--nodes",
        type=_integers(limits.BATCH_NODES),
        metavar="NUMBER",
        help="Nodes of a multi-node job.",
    ),
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
        from supervisor.job_model import JobOptions

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

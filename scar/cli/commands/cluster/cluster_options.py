"""Options of the commands of ``scar cluster``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def cluster_option(help_: str, *, required: bool = True) -> Callable[[F], F]:
    """Add -c NAME, the name of a cluster."""
    return click.option(
        "-c",
        "--cluster",
        "cluster",
        required=required,
        metavar="NAME",
        callback=_check_name,
        help=help_,
    )


def _check_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    from scar.cluster.cluster_jobs import check_cluster_name

    del context, parameter
    check_cluster_name(value or "")
    return value or ""

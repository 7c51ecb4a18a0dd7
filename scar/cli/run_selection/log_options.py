"""Options of ``scar log`` that cannot be used together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scar.cli.options import missing_option

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_log_options(options: Mapping[str, Any], *, is_json: bool) -> None:
    """Raise a usage error without a selection, and for options of which one has no effect.

    ``options`` are the values of the command's parameters by name.
    """
    runs = [options["run"], options["key"], options["failed"]]
    request = options["request_id"]
    if any(runs) and (options["log_stream_name"] or request):
        raise click.UsageError("--run, --file and --failed cannot be used with -ls and -ri.")
    if sum(map(bool, runs)) > 1:
        raise click.UsageError("--run, --file and --failed are mutually exclusive.")
    if not (options["names"] or options["file"] or options["run"] or options["key"]):
        raise missing_option("-n NAME", "-f FILE", "--run RUN", "--file s3://BUCKET/KEY")
    if options["follow"] and (request or is_json):
        raise click.UsageError("--follow cannot be used with -ri or -j.")
    if options["since"] and (options["run"] or options["key"] or request):
        raise click.UsageError(
            "--since has no effect with --run, --file and -ri, which show whole logs: omit it."
        )

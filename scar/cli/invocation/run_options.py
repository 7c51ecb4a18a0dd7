"""Options of ``scar run`` that cannot be used together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scar.cli.invocation_output import NOTHING_TO_WRITE
from scar.cli.options import is_given, refuse_together

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_run_options(options: Mapping[str, Any]) -> None:
    """Raise a usage error for options of which one would have no effect.

    ``options`` are the values of the command's parameters by name.
    """
    output, array = options["output_file"], options["array"]
    has_own_script = bool(options["script"] or options["arguments"])
    refuse_together({"-o FILE": output, "-a": options["asynchronous"]}, NOTHING_TO_WRITE)
    if options["input_bucket"] and has_own_script:
        raise click.UsageError("-ib runs the function's own script: omit -s and ARGUMENTS.")
    if array and (has_own_script or output is not None):
        raise click.UsageError("--array runs the function on files: omit -s, -o and ARGUMENTS.")
    if options["dry_run"] and not array:
        raise click.UsageError("--dry-run is for --array.")
    if array and options["nodes"]:
        raise click.UsageError("--nodes is for single jobs: AWS Batch has no multi-node arrays.")
    of_files = {"--force": options["force"], "-c": is_given("concurrency")}
    for option, is_used in of_files.items():
        own = {option: is_used, "a script or ARGUMENTS": has_own_script}
        refuse_together(own, "they run once, and not on files")
    refuse_together(
        {"-c": of_files["-c"], "--array": array}, "one request submits up to 10,000 files"
    )

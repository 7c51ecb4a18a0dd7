"""All rows in the order of the report, by id."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.kit.context import Context
    from bench.kit.lines import Line

    Row = Callable[[Context], Iterable[Line]]

# The module is imported when the row is measured: a fault in one does not end the others.
ROWS = {
    "start": "startup:measure_start",
    "put-small": "transfers:measure_small_put",
    "get-small": "transfers:measure_small_get",
    "put-large": "transfers:measure_large_put",
    "get-large": "transfers:measure_large_get",
    "ls-keys": "listings:measure_keys",
    "sink": "transfers:measure_sink",
    "warm-run": "supervisor:measure_warm_run",
    "outputs": "supervisor:measure_outputs",
    "supervisor-start": "scripts:measure_supervisor_start",
    "local-process": "local_cloud:measure_process",
    "local-sandbox": "local_cloud:measure_sandbox",
    "local-idle": "local_cloud:measure_idle",
    "status": "scripts:measure_status",
    "export": "reading:measure_export",
    "logs": "reading:measure_logs",
    "init": "scripts:measure_init",
    "scale": "scripts:measure_scale",
    "demo": "demo:measure_demo",
}
# Those of `make bench` alone: they take long, and some have no figure to compare.
OTHER_ROWS = {
    name: f"other_scripts:measure_{name.replace('-', '_')}"
    for name in (
        "upload-to-output", "many-files", "s3-service", "second-deployment", "large-layer",
        "array-jobs", "submit-burst", "kills", "chaos-chain", "chaos-seeds",
    )
}  # fmt: skip


def find_row(name: str) -> Row:
    """Return the function that measures a row."""
    module, _, function = (ROWS | OTHER_ROWS)[name].partition(":")
    return cast("Row", getattr(import_module(f"bench.rows.{module}"), function))

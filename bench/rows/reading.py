"""Commands that read much: ``logs`` of 200 MB, ``export`` of many functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.kit.commands import CommandFailedError
from bench.kit.lines import Line, Target
from bench.kit.pairs import Subject, interleave
from bench.rows.scripts import NUMBER, find_numbers, run_module
from bench.sink import logs
from bench.sink.running import run_sink
from scar.meter import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.kit.context import Context
    from bench.kit.pairs import Rounds

MOST_EXPORT_SECONDS, MOST_LOG_SECONDS = 2, 40
FUNCTIONS = (1, 50, 100, 200)
ONE_TEMPLATE = rf"^{{count}} functions, {NUMBER} resources: {NUMBER} s of CPU time"
OF_STACK = 50
LOG_BYTES = 200_000_000
HEAD = "functions:\n  aws:\n"
FUNCTION = """\
  - lambda:
      name: f{number}
      execution_mode: lambda
      init_script: script.sh
      container: {{image: 'busybox:1'}}
      input: [{{storage_provider: s3, path: bench/{number}}}]
      output: [{{storage_provider: s3, path: bench/{next}}}]
"""


def measure_export(context: Context) -> Iterator[Line]:
    """Yield the seconds of an export by number of functions, each of which feeds the next.

    CloudFormation takes 500 resources in one stack, so the command divides many functions. A step
    that compares all resources of one template shows only in one template of all functions.
    """
    with context.subfolder("export") as folder:
        subjects = [_export(context, folder, count) for count in FUNCTIONS]
        rounds = interleave(subjects, context.choose(5, 1), warm_up=0)
        files = [str(folder / f"{count}.yaml") for count in FUNCTIONS]
        output = run_module(context, "one_template", *files)
    for count in FUNCTIONS:
        name = _export_name(count)
        yield Line(
            row="export",
            work=name,
            ours=rounds.median(name),
            details=f"CPU {rounds.median(name, 'cpu'):.2f} s,"
            f" peak {rounds.median(name, 'peak_mb'):.0f} MB",
            target=Target(MOST_EXPORT_SECONDS, of="own") if count == FUNCTIONS[-1] else None,
        )
    for count in FUNCTIONS[1:]:
        resources, cpu = find_numbers(output, ONE_TEMPLATE.format(count=count))
        yield Line(
            row="export",
            work=f"all of {count} functions in one template, without the start",
            ours=cpu,
            unit="CPU s",
            details=f"{1e3 * cpu / count:.1f} ms a function, {resources:,.0f} resources",
        )


def measure_logs(context: Context) -> Iterator[Line]:
    """Yield the seconds of the logs of 200 MB, from the sink.

    One line in five is the supervisor's, in JSON. The CPU time of a line is that of the command
    without its start, which the logs of a single run show.
    """
    size = context.choose(LOG_BYTES, LOG_BYTES // 5)
    count = context.choose(3, 1)
    start = _read_logs(context, logs.RUN_BYTES, count).median("scar", "cpu")
    rounds = _read_logs(context, size, count)
    cpu = rounds.median("scar", "cpu")
    lines = len(logs.MESSAGES) * (size // logs.RUN_BYTES)
    yield Line(
        row="logs",
        work=f"logs of {size / 1e6:.0f} MB, {lines:,} lines",
        ours=rounds.median("scar"),
        details=f"CPU {cpu:.1f} s, of which the start {start:.1f} s,"
        f" {1e6 * (cpu - start) / lines:.1f} µs a line,"
        f" peak {rounds.median('scar', 'peak_mb'):.0f} MB",
        target=Target(MOST_LOG_SECONDS * size / LOG_BYTES, of="own"),
    )


def _read_logs(context: Context, size: int, count: int) -> Rounds:
    with run_sink(log_group="/aws/lambda/bench", log_bytes=size) as sink:
        command = context.scar("logs", "-n", "bench", environment=sink.environment)
        return interleave([Subject(name="scar", command=command)], count, 0)


def _export(context: Context, folder: Path, count: int) -> Subject:
    functions = [FUNCTION.format(number=n, next=n + 1) for n in range(count)]
    (folder / f"{count}.yaml").write_text(HEAD + "".join(functions))
    (folder / "script.sh").write_text("#!/bin/sh\n")
    # CloudFormation takes 500 resources in one stack.
    stacks = max(1, count // OF_STACK)
    arguments = ("export", "-f", f"{count}.yaml", "-o", f"{count}.json", "--stacks", f"{stacks}")

    def check() -> None:
        written = list(folder.glob(f"{count}*.json"))
        for path in written:
            path.unlink()
        if len(written) != stacks:
            raise CommandFailedError(f"{len(written)} of {stacks} templates were written")

    command = context.scar(*arguments, folder=folder)
    return Subject(name=_export_name(count), command=command, check=check)


def _export_name(count: int) -> str:
    stacks = max(1, count // OF_STACK)
    return f"export of {format_count(count, 'function')} in {format_count(stacks, 'stack')}"

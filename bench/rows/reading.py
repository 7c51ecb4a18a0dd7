"""Commands that read much: ``logs`` of 200 MB, ``export`` of many functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.kit.commands import CommandFailedError
from bench.kit.lines import Line, Target
from bench.kit.pairs import Subject, interleave
from bench.sink.running import run_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.kit.context import Context

MOST_EXPORT_SECONDS, MOST_LOG_SECONDS = 2, 40
FUNCTIONS = (1, 50, 100, 200)
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
    """Yield the seconds of an export by number of functions, each of which feeds the next."""
    with context.subfolder("export") as folder:
        subjects = [_export(context, folder, count) for count in FUNCTIONS]
        rounds = interleave(subjects, context.choose(5, 1), warm_up=0)
    for count in FUNCTIONS:
        name = f"export of {count} functions"
        yield Line(
            row="export",
            work=name,
            ours=rounds.median(name),
            details=f"CPU {rounds.median(name, 'cpu'):.2f} s,"
            f" peak {rounds.median(name, 'peak_mb'):.0f} MB",
            target=Target(MOST_EXPORT_SECONDS, of="own") if count == FUNCTIONS[-1] else None,
        )


def measure_logs(context: Context) -> Iterator[Line]:
    """Yield the seconds of the logs of 200 MB, from the sink."""
    size = context.choose(LOG_BYTES, LOG_BYTES // 20)
    with run_sink(log_group="/aws/lambda/bench", log_bytes=size) as sink:
        command = context.scar("logs", "-n", "bench", environment=sink.environment)
        rounds = interleave([Subject(name="scar", command=command)], context.choose(3, 1), 0)
    yield Line(
        row="logs",
        work=f"logs of {size / 1e6:.0f} MB",
        ours=rounds.median("scar"),
        details=f"CPU {rounds.median('scar', 'cpu'):.1f} s,"
        f" peak {rounds.median('scar', 'peak_mb'):.0f} MB",
        target=Target(MOST_LOG_SECONDS * size / LOG_BYTES, of="own"),
    )


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
    return Subject(name=f"export of {count} functions", command=command, check=check)

"""The supervisor's own work: CPU time and S3 requests of a warm run, and a run of many outputs.

The supervisor runs with the Python that runs this, and its store is the sink. Its script is Python
or ``cp``, whose CPU time is counted apart.
"""

from __future__ import annotations

import statistics
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.kit.commands import plain_environment
from bench.kit.lines import Line, Target
from bench.kit.machine import ROOT
from bench.kit.processes import read_times
from bench.kit.runtime_api import run_supervisor
from bench.sink.listing import Folder
from bench.sink.running import run_sink
from supervisor import config
from supervisor.model import ExecutionMode, FunctionConfig, InputRule, OutputRule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.kit.context import Context
    from bench.kit.runtime_api import RunningSupervisor
    from bench.sink.running import RunningSink

INPUT = Folder("bench", "in", 1, 10_000)
COPY = '#!/bin/sh\nexec cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"\n'
MANY = """#!/bin/sh
i=0
while [ $i -lt %d ]; do echo $i > "$TMP_OUTPUT_DIR/$i"; i=$((i + 1)); done
"""
WARM_UP = 20
MOST_MS, MOST_REQUESTS, MOST_OUTPUT_SECONDS = 8, 4, 2


def measure_warm_run(context: Context) -> Iterator[Line]:
    """Yield the CPU milliseconds and the S3 requests of a run that copies 10 KB."""
    count = context.choose(500, 100)
    with _running(context, COPY) as (supervisor, sink):
        for _ in range(WARM_UP):
            supervisor.run(_event())
        requests, before = _requests(sink), read_times(supervisor.pid)
        for _ in range(count):
            supervisor.run(_event())
        after, per_run = read_times(supervisor.pid), (_requests(sink) - requests) / count
    own, scripts = (
        1e3 * (late - early) / count
        for early, late in ((before.own, after.own), (before.ended, after.ended))
    )
    yield Line(
        row="warm-run",
        work="supervisor's CPU time of a run that copies 10 KB",
        ours=own,
        unit="ms",
        details=f"script {scripts:.1f} ms of CPU time; {count} runs",
        target=Target(MOST_MS, of="own"),
    )
    yield Line(
        row="warm-run",
        work="its requests to S3",
        ours=per_run,
        unit="requests",
        target=Target(MOST_REQUESTS, of="own"),
    )


def measure_outputs(context: Context) -> Iterator[Line]:
    """Yield the seconds of a run with 1,500 outputs."""
    count = context.choose(1500, 500)
    with _running(context, MANY % count) as (supervisor, sink):
        supervisor.run(_event())
        requests, before = _requests(sink), read_times(supervisor.pid)
        rounds = context.choose(5, 2)
        seconds = [supervisor.run(_event()) for _ in range(rounds)]
        after, per_run = read_times(supervisor.pid), (_requests(sink) - requests) / rounds
    yield Line(
        row="outputs",
        work=f"a run of {count:,} outputs",
        ours=statistics.median(seconds),
        details=(
            f"CPU {(after.own - before.own) / rounds:.2f} s of the supervisor,"
            f" {(after.ended - before.ended) / rounds:.2f} s of the script,"
            f" {per_run:,.0f} requests to S3"
        ),
        target=Target(MOST_OUTPUT_SECONDS * count / 1500, of="own"),
    )


def _requests(sink: RunningSink) -> int:
    counted = sink.counters()
    return sum(number for name, number in counted.items() if name[0].isupper() and name != "Other")


@contextmanager
def _running(context: Context, script: str) -> Iterator[tuple[RunningSupervisor, RunningSink]]:
    with context.subfolder("supervisor") as folder, run_sink(INPUT) as sink:
        _write_function(folder / "home" / "function", script)
        (folder / "tmp").mkdir()
        environment = sink.environment | plain_environment(
            SCAR_HOME=str(folder / "home"), TMPDIR=str(folder / "tmp"), PYTHONPATH=str(ROOT)
        )
        with run_supervisor([sys.executable, "-m", "supervisor"], environment) as supervisor:
            yield supervisor, sink


def _write_function(folder: Path, script: str) -> None:
    function = FunctionConfig(
        name="bench",
        mode=ExecutionMode.LAMBDA,
        state_bucket="state",
        script="script.sh",
        inputs=(InputRule(bucket="bench", folder="in/"),),
        outputs=(OutputRule(provider="s3", path="bench/out"),),
    )
    folder.mkdir(parents=True)
    (folder / "function.json").write_text(config.config_to_json(function))
    (folder / "script.sh").write_text(script)
    (folder / "script.sh").chmod(0o755)


def _event() -> dict[str, object]:
    (key,) = INPUT.keys()
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "eventTime": "2026-09-21T14:13:20.000Z",
                "s3": {
                    "bucket": {"name": INPUT.bucket},
                    "object": {"key": key, "size": INPUT.size, "sequencer": "00A1"},
                },
            }
        ]
    }

"""Rows that other modules of ``bench`` measure: their output is read, line by line.

A line that is not there is an error: a figure is never left out silently.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from bench.kit.commands import CommandFailedError, output_of
from bench.kit.lines import Line, Target
from bench.kit.machine import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.kit.context import Context

MOST_START_MS = 60
MOST_STATUS_SECONDS, STATUS_FUNCTIONS, STATUS_RUNS = 20, 3, 100_000
MOST_CHAINS = 1.25
DEPLOYMENTS = {  # by the title that bench/deployment.py prints
    "lambda": "one function (lambda)",
    "lambda-batch": "one function (lambda-batch)",
    "chain of five": "five functions, a chain",
    "20 functions": "20 functions",
}
QUICK_DEPLOYMENTS = ("lambda", "20 functions")  # those with targets
MOST_SECOND_CALLS = {"lambda": 25, "20 functions": 60}
NUMBER = r"([\d,]+(?:\.\d+)?)"
SCALE_RATE = rf"^[\d,]+ files: {NUMBER} files/s, {NUMBER} µs of CPU time a file"
SCALE_MEMORY = rf"^peak memory {NUMBER} MB, {NUMBER} MB more"
TIMEOUT = 3600.0


def measure_supervisor_start(context: Context) -> Iterator[Line]:
    """Yield the milliseconds from the start of the supervisor in a sandbox until it is ready."""
    output = run_module(context, "bundle_start")
    (found,) = find_numbers(output, rf"^process start to ready, sandbox: {NUMBER} ms")
    (python,) = find_numbers(output, rf"^pass +{NUMBER}")
    yield Line(
        row="supervisor-start",
        work="supervisor's start until it is ready, sandbox",
        ours=found,
        unit="ms",
        peer="bundled Python `pass`",
        theirs=python,
        ratio=found / python,
        target=Target(MOST_START_MS, of="own"),
    )


def measure_status(context: Context) -> Iterator[Line]:
    """Yield the seconds of the status of 100,000 runs of each of three functions."""
    runs = context.choose(STATUS_RUNS, STATUS_RUNS // 10)
    output = run_module(context, "status_of_a_million", str(STATUS_FUNCTIONS), str(runs))
    seconds, cpu = find_numbers(output, rf"^{NUMBER} s, {NUMBER} s of CPU")
    (peak,) = find_numbers(output, rf"^peak memory {NUMBER} MB")
    yield Line(
        row="status",
        work=f"status of {STATUS_FUNCTIONS} × {runs:,} runs",
        ours=seconds,
        details=f"CPU {cpu:.1f} s, peak {peak:.0f} MB",
        target=Target(MOST_STATUS_SECONDS * runs / STATUS_RUNS, of="own"),
    )


def measure_init(context: Context) -> Iterator[Line]:
    """Yield the chains and calls of init, a second init and rm, next to SCAR's sequence."""
    titles = QUICK_DEPLOYMENTS if context.quick else tuple(DEPLOYMENTS)
    output = run_module(context, "deployment", str(context.choose(5, 1)), *titles)
    for title in titles:
        work = DEPLOYMENTS[title]
        chains, call, share, theirs = find_numbers(
            output,
            rf"^{title}: init {NUMBER} of its chain at {NUMBER} ms a call, {NUMBER} of SCAR's"
            rf" {NUMBER} s",
        )
        yield Line(
            row="init",
            work=f"init of {work}, × its chain",
            ours=chains,
            unit="chains",
            peer="SCAR's calls in turn",
            ratio=share,
            details=f"{call:.0f} ms a call, SCAR's calls and sleep {theirs:.2f} s",
            target=Target(MOST_CHAINS, of="own") if title == "lambda" else None,
        )
        for command in ("init", "second init", "rm"):
            calls, chain, seconds, cpu = find_numbers(
                output,
                rf"^{title}: {command} +{NUMBER} calls, chain of +{NUMBER}, +{NUMBER} s,"
                rf" {NUMBER} s of CPU time",
            )
            most = MOST_SECOND_CALLS.get(title) if command == "second init" else None
            yield Line(
                row="init",
                work=f"{command} of {work}",
                ours=calls,
                unit="calls",
                details=f"a chain of {chain:.0f} calls, {seconds:.2f} s, CPU {cpu:.2f} s",
                target=None if most is None else Target(most, of="own"),
            )


def measure_scale(context: Context) -> Iterator[Line]:
    """Yield the files a second of a million files through routing and claims."""
    files = context.choose(1_000_000, 10_000)
    output = run_module(context, "scale", str(files))
    rate, micros = find_numbers(output, SCALE_RATE)
    peak, growth = find_numbers(output, SCALE_MEMORY)
    yield Line(
        row="scale",
        work=f"{files:,} files: routed, claimed and recorded, once each",
        ours=rate,
        unit="files/s",
        details=(
            f"{micros:.0f} µs of CPU time a file, peak {peak:.0f} MB, {growth:.1f} MB more than"
            " after a tenth of the files"
        ),
    )


def run_module(context: Context, name: str, *arguments: str) -> str:
    """Return the output of ``python -m bench.NAME``; raise CommandFailedError if it fails."""
    command = context.command(
        sys.executable, "-m", f"bench.{name}", *arguments, folder=ROOT, timeout=TIMEOUT
    )
    return output_of(command)


def find_numbers(output: str, pattern: str) -> list[float]:
    """Return the numbers of the first line that matches; raise CommandFailedError without one."""
    found = re.search(pattern, output, re.MULTILINE)
    if found is None:
        raise CommandFailedError(f"no line matches {pattern!r} in the output:\n{output}")
    return [float(text.replace(",", "")) for text in found.groups()]

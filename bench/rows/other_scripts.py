"""Rows of `make bench` alone: the other modules of ``bench``, each with its own targets.

Some of them check more than they measure: they fail if an upload is lost or runs twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.kit.commands import CommandFailedError
from bench.kit.lines import Line, Target
from bench.rows.scripts import NUMBER, find_numbers, run_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.kit.context import Context

NOT_MEASURED = re.compile(r"^Not measured: .*$", re.MULTILINE)
LATENCIES = {("process", "lambda"): 0.1, ("docker", "lambda"): 0.25, ("docker", "batch"): 1.5}


def measure_upload_to_output(context: Context) -> Iterator[Line]:
    """Yield the seconds from an upload to its output, by engine and compute service."""
    output = run_module(context, "upload_to_output")
    for engine, service, seconds in find_all(output, rf"^(\w+) +(\w+) +median {NUMBER} s"):
        most = LATENCIES.get((engine, service))
        yield Line(
            row="upload-to-output",
            work=f"upload to output, {engine} engine, {service}",
            ours=float(seconds),
            target=None if most is None else Target(most, of="own"),
        )


def measure_many_files(context: Context) -> Iterator[Line]:
    """Yield files a second of 500 uploads whose script is Python, by engine."""
    output = run_module(context, "many_files")
    pattern = (
        rf"^(\w+) +(\d+) of \d+ outputs by (\d+) uploads; put {NUMBER} files/s, "
        rf"upload to last output {NUMBER} files/s"
    )
    for engine, outputs, uploads, put, rate in find_all(output, pattern):
        yield Line(
            row="many-files",
            work=f"upload to output, {engine} engine, a script in Python",
            ours=float(rate),
            unit="files/s",
            details=f"{outputs} outputs by {uploads} uploads; put {put} files/s",
        )


def measure_s3_service(context: Context) -> Iterator[Line]:
    """Yield requests a second, MB a second and MB of memory of the local S3."""
    sizes = ("--runs", "1", "--count", "400", "--large-mb", "128") if context.quick else ()
    output = run_module(context, "s3_service", *sizes)
    for work, rate, unit in find_all(output, rf"^((?:PUT|GET|multi|get).*): {NUMBER}(/s| MB/s)$"):
        yield Line(row="s3-service", work=work, ours=_number(rate), unit=unit.strip())
    (memory,) = find_numbers(output, rf"^peak memory of the server: {NUMBER} MB")
    yield Line(row="s3-service", work="peak memory of the server", ours=memory, unit="MB")


def measure_second_deployment(context: Context) -> Iterator[Line]:
    """Yield the seconds of a deployment after a change of the script, against a registry."""
    output = run_module(context, "second_deployment")
    if notice := NOT_MEASURED.search(output):
        yield Line(row="second-deployment", work=notice[0], ours=0)
        return
    (seconds,) = find_numbers(output, rf"^after a change of the script: median {NUMBER} s")
    sent, useful = find_numbers(output, rf"^ +{NUMBER} bytes sent, .* the manifest have {NUMBER}")
    yield Line(
        row="second-deployment",
        work="image after a change of the script",
        ours=seconds,
        details=f"{sent:,.0f} bytes sent, of which {useful:,.0f} were needed",
        target=Target(1.0, of="own"),
    )


def measure_large_layer(context: Context) -> Iterator[Line]:
    """Yield the rate of the copy of a layer of 1 GB, next to skopeo's."""
    output = run_module(context, "large_layer")
    if notice := NOT_MEASURED.search(output):
        yield Line(row="large-layer", work=notice[0], ours=0)
        return
    rates = {
        name: (float(rate), float(memory))
        for name, rate, memory in find_all(
            output, rf"^(\w+) +median +{NUMBER} MB/s, at most {NUMBER} MB of memory"
        )
    }
    (ratio,) = find_numbers(output, rf"^ratio {NUMBER}")
    yield Line(
        row="large-layer",
        work="copy of a layer of 1 GB between registries",
        ours=rates["scar"][0],
        unit="MB/s",
        peer="skopeo",
        theirs=rates["skopeo"][0],
        ratio=ratio,
        details=f"peak {rates['scar'][1]:.0f} / {rates['skopeo'][1]:.0f} MB",
        target=Target(0.8, at_least=True),
    )


def measure_array_jobs(context: Context) -> Iterator[Line]:
    """Yield the seconds and the control-plane calls of the submission of 10,000 files."""
    sizes = (str(context.choose(10_000, size)) for size in (500, 200))
    output = run_module(context, "array_jobs", *sizes)
    files, seconds = find_numbers(output, rf"^{NUMBER} files submitted in {NUMBER} s")
    calls, most = find_numbers(output, rf"^control-plane calls {NUMBER} \(limit {NUMBER}\)")
    yield Line(row="array-jobs", work=f"submission of {files:,.0f} files as an array", ours=seconds)
    yield Line(
        row="array-jobs",
        work="its control-plane calls",
        ours=calls,
        unit="calls",
        target=Target(most, of="own"),
    )


def measure_submit_burst(context: Context) -> Iterator[Line]:
    """Yield the runs that fail when 1,000 submit a job at once, and Batch throttles them."""
    output = run_module(context, "submit_burst", str(context.choose(1000, 300)))
    runs, submitted, failed, throttled = find_numbers(
        output,
        rf"^{NUMBER} runs, .*: {NUMBER} jobs submitted, \d+ twice, {NUMBER} runs failed.*"
        rf"\({NUMBER} a run\)",
    )
    yield Line(
        row="submit-burst",
        work=f"of {runs:,.0f} runs that submit at once, those that fail",
        ours=failed,
        unit="runs",
        details=f"{submitted:,.0f} jobs, {throttled:.1f} requests throttled a run",
        target=Target(0, of="own"),
    )


def measure_kills(context: Context) -> Iterator[Line]:
    """Yield the uploads that are lost when the local cloud's server is killed again and again."""
    output = run_module(context, "kills", str(context.choose(500, 100)))
    lost, wrong, doubled = find_numbers(
        output, rf"^{NUMBER} lost, {NUMBER} wrong bodies, {NUMBER} inputs with two runs"
    )
    yield Line(
        row="kills",
        work="acknowledged uploads lost, damaged or run twice, of a killed server",
        ours=lost + wrong + doubled,
        unit="uploads",
        target=Target(0, of="own"),
    )


def measure_chaos_chain(context: Context) -> Iterator[Line]:
    """Yield the seconds of a chain of functions in a local cloud with chaos."""
    output = run_module(context, "chaos_chain", "--files", str(context.choose(2000, 50)))
    files, functions, seconds = find_numbers(
        output, rf" {NUMBER} files through {NUMBER} functions in {NUMBER} s"
    )
    yield Line(
        row="chaos-chain",
        work=f"{files:,.0f} files through {functions:.0f} functions, with chaos",
        ours=seconds,
    )


def measure_chaos_seeds(context: Context) -> Iterator[Line]:
    """Yield the seconds of runs under many seeds of chaos, in virtual time."""
    output = run_module(context, "chaos_seeds", "--seeds", str(context.choose(2000, 50)))
    seeds, runs, seconds = find_numbers(output, rf"^{NUMBER} seeds, {NUMBER} runs in {NUMBER} s")
    work = f"{runs:,.0f} simulated runs under {seeds:,.0f} seeds of chaos"
    yield Line(row="chaos-seeds", work=work, ours=seconds)


def find_all(output: str, pattern: str) -> list[tuple[str, ...]]:
    """Return the groups of every line that matches; raise CommandFailedError without any."""
    found = re.findall(pattern, output, re.MULTILINE)
    if not found:
        raise CommandFailedError(f"no line matches {pattern!r} in the output:\n{output}")
    return found


def _number(text: str) -> float:
    return float(text.replace(",", ""))

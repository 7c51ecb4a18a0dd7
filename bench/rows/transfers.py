"""Uploads and downloads against the sink: many small files at 20 ms a response, one large file."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.kit.commands import CommandFailedError
from bench.kit.lines import Line, Target, compare
from bench.kit.machine import ROOT
from bench.kit.pairs import Subject, interleave
from bench.sink.capacity import measure_capacity
from bench.sink.listing import Folder
from bench.sink.running import run_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.kit.commands import Command
    from bench.kit.context import Context
    from bench.kit.pairs import Rounds
    from bench.sink.running import RunningSink

SMALL, LATENCY_MS = 10_000, 20
PEERS = ("s5cmd", "obstore", "aws")
OBSTORE = ROOT / "bench" / "peers" / "obstore_transfer.py"
AT_MOST_MB = 100
SINK_FACTOR = 5


def measure_small_put(context: Context) -> Iterator[Line]:
    """Yield the comparisons of an upload of 1,000 files of 10 KB."""
    count = context.choose(1000, 400)
    yield from _lines(
        _small_put(context, count, context.choose(7, 2)), "put-small", f"put {count:,} × 10 KB"
    )


def measure_small_get(context: Context) -> Iterator[Line]:
    """Yield the comparisons of a download of 1,000 files of 10 KB."""
    count = context.choose(1000, 400)
    with (
        run_sink(Folder("bench", "small", count, SMALL), latency_ms=LATENCY_MS) as sink,
        context.subfolder("get-small") as target,
    ):
        commands = _downloads(context, sink, "small", target)
        subjects = [
            _download(name, command, target, (count, SMALL)) for name, command in commands.items()
        ]
        rounds = interleave(subjects, context.choose(7, 2))
    yield from _lines(rounds, "get-small", f"get {count:,} × 10 KB")


def measure_large_put(context: Context) -> Iterator[Line]:
    """Yield the comparisons of an upload of 1 GB."""
    size = context.choose(1000, 250) * 1_000_000
    with run_sink() as sink, context.subfolder("put-large") as source:
        with (source / "large").open("wb") as file:
            file.truncate(size)
        commands = _uploads(context, sink, source)
        subjects = [_upload(name, command, sink, size) for name, command in commands.items()]
        rounds = interleave(subjects, context.choose(5, 1))
    yield from _lines(rounds, "put-large", f"put {size / 1e9:g} GB", AT_MOST_MB)


def measure_large_get(context: Context) -> Iterator[Line]:
    """Yield the comparisons of a download of 1 GB."""
    size = context.choose(1000, 250) * 1_000_000
    with (
        run_sink(Folder("bench", "large", 1, size)) as sink,
        context.subfolder("get-large") as target,
    ):
        commands = _downloads(context, sink, "large", target)
        subjects = [
            _download(name, command, target, (1, size)) for name, command in commands.items()
        ]
        rounds = interleave(subjects, context.choose(5, 1))
    yield from _lines(rounds, "get-large", f"get {size / 1e9:g} GB", AT_MOST_MB)


def measure_sink(context: Context) -> Iterator[Line]:
    """Yield how many times as many requests the sink serves as the fastest client sends."""
    count = context.choose(1000, 400)
    rounds = _small_put(context, count, context.choose(3, 1))
    fastest = min(rounds.usages, key=rounds.median)
    asked = count / rounds.median(fastest)
    with run_sink() as sink:
        capacity = measure_capacity(sink)
    yield Line(
        row="sink",
        work="PUTs of 10 KB that it serves, beside a raw client",
        ours=capacity.reached,
        unit="/s",
        peer=f"asked by {fastest}",
        theirs=asked,
        ratio=capacity.reached / asked,
        details=f"{1e6 / capacity.of_core:.0f} µs of the sink's CPU time a request",
        target=Target(SINK_FACTOR, at_least=True),
    )


def _small_put(context: Context, count: int, rounds: int) -> Rounds:
    with run_sink(latency_ms=LATENCY_MS) as sink, context.subfolder("put-small") as source:
        for number in range(count):
            file = source / f"{number // 100:02}" / f"{number:06}"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"%06d" % number + bytes(SMALL - 6))
        commands = _uploads(context, sink, source)
        size = count * SMALL
        return interleave([_upload(n, c, sink, size) for n, c in commands.items()], rounds)


def _lines(rounds: Rounds, row: str, work: str, most_mb: int = 0) -> Iterator[Line]:
    for peer in PEERS:
        target = Target(1.0) if peer == "s5cmd" else None
        yield compare(rounds, row, work, ("scar", peer), target=target)
    if most_mb:
        target = Target(most_mb, of="own")
        yield compare(
            rounds, row, f"{work}: peak", ("scar", "s5cmd"), figure="peak_mb", target=target
        )


def _uploads(context: Context, sink: RunningSink, source: Path) -> dict[str, Command]:
    peers, folder = context.peers, str(source)
    of_s5cmd = sink.environment | {"S3_ENDPOINT_URL": sink.url}
    aws = (peers.program("awscli", "aws"), "s3", "cp", "--recursive", "--only-show-errors")
    return {
        "scar": context.scar("put", "-b", "bench/a", "-p", folder, environment=sink.environment),
        "s5cmd": context.command(
            peers.s5cmd(), "cp", f"{folder}/", "s3://bench/b/", environment=of_s5cmd
        ),
        "obstore": context.command(
            peers.python("obstore"), str(OBSTORE), "put", folder, "bench", "c",
            environment=sink.environment,
        ),
        "aws": context.command(*aws, folder, "s3://bench/d/", environment=sink.environment),
    }  # fmt: skip


def _downloads(
    context: Context, sink: RunningSink, prefix: str, target: Path
) -> dict[str, Command]:
    peers, folder = context.peers, str(target / "files")
    of_s5cmd = sink.environment | {"S3_ENDPOINT_URL": sink.url}
    aws = (peers.program("awscli", "aws"), "s3", "cp", "--recursive", "--only-show-errors")
    return {
        "scar": context.scar(
            "get", "-b", f"bench/{prefix}", "-p", folder, environment=sink.environment
        ),
        "s5cmd": context.command(
            peers.s5cmd(), "cp", f"s3://bench/{prefix}/*", f"{folder}/", environment=of_s5cmd
        ),
        "obstore": context.command(
            peers.python("obstore"), str(OBSTORE), "get", folder, "bench", prefix,
            environment=sink.environment,
        ),
        "aws": context.command(*aws, f"s3://bench/{prefix}/", folder, environment=sink.environment),
    }  # fmt: skip


def _upload(name: str, command: Command, sink: RunningSink, size: int) -> Subject:
    before = [0]

    def prepare() -> None:
        before[0] = sink.counters()["bytes received"]

    def check() -> None:
        received = sink.counters()["bytes received"] - before[0]
        if received < size:
            raise CommandFailedError(f"`{command}` sent {received:,} of {size:,} bytes")

    return Subject(name=name, command=command, prepare=prepare, check=check)


def _download(name: str, command: Command, target: Path, sizes: tuple[int, int]) -> Subject:
    count, size = sizes

    def prepare() -> None:
        shutil.rmtree(target)
        (target / "files").mkdir(parents=True)

    def check() -> None:
        found = sum(path.is_file() and path.stat().st_size == size for path in target.rglob("*"))
        if found != count:
            raise CommandFailedError(f"`{command}` wrote {found:,} of {count:,} whole files")

    return Subject(name=name, command=command, prepare=prepare, check=check)

"""``ls`` of a bucket with many keys, against the sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.kit.lines import Target, compare
from bench.kit.pairs import Subject, interleave
from bench.sink.listing import Folder
from bench.sink.running import run_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.kit.context import Context
    from bench.kit.lines import Line


def measure_keys(context: Context) -> Iterator[Line]:
    """Yield the comparisons of a listing of 100,000 keys, by CPU seconds."""
    count = context.choose(100_000, 20_000)
    aws, s5cmd = context.peers.program("awscli", "aws"), context.peers.s5cmd()
    with run_sink(Folder("bench", "keys", count, 100)) as sink:
        environment = sink.environment | {"S3_ENDPOINT_URL": sink.url}
        commands = {
            "scar": context.scar("ls", "-b", "bench/keys", environment=environment),
            "s5cmd": context.command(s5cmd, "ls", "s3://bench/keys/*", environment=environment),
            "aws": context.command(
                aws, "s3", "ls", "--recursive", "s3://bench/keys/", environment=environment
            ),
        }
        subjects = [Subject(name=name, command=command) for name, command in commands.items()]
        rounds = interleave(subjects, context.choose(5, 1))
    for peer, target in (("s5cmd", Target(1.0)), ("aws", None)):
        work = f"ls -b of {count:,} keys"
        yield compare(rounds, "ls-keys", work, ("scar", peer), figure="cpu", target=target)

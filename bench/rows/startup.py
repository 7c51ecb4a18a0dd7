"""Commands that do little: what the user waits for is the start of the program."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench._local import bench
from bench.kit.commands import plain_environment
from bench.kit.lines import Target, compare
from bench.kit.pairs import Subject, interleave
from bench.sink.listing import Folder
from bench.sink.running import run_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench._local import BenchCloud
    from bench.kit.context import Context
    from bench.kit.lines import Line
    from bench.sink.running import RunningSink

PYTHON = "python -c pass"
KEYS = 10
TARGETS = {
    "scar --version": Target(1.6),
    "scar --help": Target(4),
    "scar validate": Target(10),
    "scar ls": Target(20),
    "completion": Target(0.05, of="own"),
}
COMPARED = (
    ("scar --version", "s5cmd version"),
    ("scar --help", "sam --help"),
    ("scar --help", "SCAR 4 --help"),
    ("scar ls", "aws lambda list-functions"),
    ("scar ls -b", "s5cmd ls"),
    ("scar ls -b", "aws s3 ls"),
    ("scar ls -b", "python -c import boto3"),
)


def measure_start(context: Context) -> Iterator[Line]:
    """Yield the ratio of each command to an empty Python, then those to the peers' commands."""
    with ExitStack() as stack:
        cloud = stack.enter_context(bench("process"))
        cloud.copy_function("one", "lambda")
        sink = stack.enter_context(run_sink(Folder("bench", "keys", KEYS, 100)))
        home = stack.enter_context(context.subfolder("home"))
        subjects = [
            Subject(name=PYTHON, command=context.command(sys.executable, "-c", "pass")),
            *_commands(context, cloud, sink),
            *_peers(context, cloud, sink, home),
        ]
        rounds = interleave(subjects, context.choose(15, 3))
    for name, target in TARGETS.items():
        yield compare(rounds, "start", name, (name, PYTHON), target=target)
    for name, peer in COMPARED:
        yield compare(rounds, "start", name, (name, peer))


def _commands(context: Context, cloud: BenchCloud, sink: RunningSink) -> list[Subject]:
    completion = plain_environment(
        _SCAR_COMPLETE="bash_complete", COMP_WORDS="scar l", COMP_CWORD="1"
    )
    environment, folder = cloud.environment, cloud.folder
    commands = {
        "scar --version": context.scar("--version"),
        "scar --help": context.scar("--help"),
        "scar validate": context.scar("validate", "-f", "f.yaml", folder=folder),
        "scar ls": context.scar("--local", "ls", environment=environment, folder=folder),
        "completion": context.scar(environment=completion),
        "scar ls -b": context.scar("ls", "-b", "bench/keys", environment=sink.environment),
    }
    return [Subject(name=name, command=command) for name, command in commands.items()]


def _peers(context: Context, cloud: BenchCloud, sink: RunningSink, home: Path) -> list[Subject]:
    peers = context.peers
    aws, s5cmd = peers.program("awscli", "aws"), peers.s5cmd()
    plain = plain_environment(HOME=str(home), SAM_CLI_TELEMETRY="0")
    # Its first start writes its settings into the home folder, and ends with status 1.
    scar_4 = context.command(peers.program("scar", "scar"), "--help", environment=plain)
    subprocess.run(scar_4.arguments, env=dict(scar_4.environment), check=False, capture_output=True)
    of_sink = sink.environment | {"S3_ENDPOINT_URL": sink.url}
    of_cloud = cloud.client_environment()
    commands = {
        "s5cmd version": context.command(s5cmd, "version"),
        "sam --help": context.command(
            peers.program("aws-sam-cli", "sam"), "--help", environment=plain
        ),
        "SCAR 4 --help": scar_4,
        "aws lambda list-functions": context.command(
            aws, "lambda", "list-functions", environment=of_cloud
        ),
        "s5cmd ls": context.command(s5cmd, "ls", "s3://bench/keys/*", environment=of_sink),
        "aws s3 ls": context.command(
            aws, "s3", "ls", "--recursive", "s3://bench/keys/", environment=of_sink
        ),
        "python -c import boto3": context.command(peers.python("boto3"), "-c", "import boto3"),
    }
    return [Subject(name=name, command=command) for name, command in commands.items()]

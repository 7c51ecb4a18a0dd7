"""API calls and seconds of init, a second init and rm, with 50 ms added to every call.

Beside it, what SCAR does: its clients, each with a session of its own; as many calls as its
``init`` makes, one after another; its fixed sleep of 2 s. All that against the same endpoint with
the same delay: moto in a process of its own, so that what is computed here is scar's alone.

A chain is a longest sequence of calls each of which began after the one before it had ended. What
it would take by itself is told by SCAR's calls, as nothing else goes on meanwhile: the delay, and
what moto and the client need for one. Figures are medians of some runs, the commands and SCAR's
sequence in turn.

Says so if an ``init`` takes more than 1.3 times its chain or 0.35 times SCAR's sequence; ends
with status 1 only if a second init changes something, since a busy machine computes slowly.
"""

from __future__ import annotations

import gc
import hashlib
import statistics
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3

from bench._account import Calls, Elsewhere, elsewhere
from scar.aws.deploy import deploy
from scar.cli.main import reduce_garbage_collection
from scar.fdl.model import BatchSpec, StorageSpec
from supervisor import config as wire
from supervisor.model import ExecutionMode, ImageDefaults
from tests.fakes.functions import new_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from supervisor.model import FunctionConfig

RUNS = 5
SCAR_SLEEP = 2.0
SCAR_CALLS = {"lambda": 16, "lambda-batch": 22}
_OF_LAMBDA = ("lambda", "ecr", "logs", "s3")
SCAR_CLIENTS = {"lambda": _OF_LAMBDA, "lambda-batch": ("batch", "ec2", *_OF_LAMBDA)}
OF_CHAIN, OF_SCAR = 1.3, 0.35
COMMANDS = ("init", "second init", "rm")


@dataclass
class Images:
    """Composes and pushes nothing: images have benchmarks of their own."""

    pushed: set[str] = field(default_factory=set)

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        del function
        config = configure(ImageDefaults(command=("/bin/true",)))
        return f"sha256:{hashlib.sha256(wire.config_to_json(config).encode()).hexdigest()}"

    def holds(self, repository: str, digest: str) -> bool:
        return repository + digest in self.pushed

    def push(self, repository: str, digest: str, check: Callable[[], None] = lambda: None) -> None:
        check()
        self.pushed.add(repository + digest)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one command took, seconds; ``busy`` are the processor's."""

    calls: int
    chain: tuple[str, ...]
    took: float
    busy: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """What SCAR's sequence took, and one call of it by itself: seconds."""

    took: float
    call: float


@dataclass(frozen=True, slots=True)
class Run:
    """One round in an empty account: scar's commands, then SCAR's sequence."""

    commands: dict[str, Figures]
    theirs: Replayed

    def chains(self, command: str) -> float:
        """Compare the time of a command with that of its chain, call by call."""
        figures = self.commands[command]
        return figures.took / (len(figures.chain) * self.theirs.call)


def functions(count: int, mode: str) -> list[Function]:
    """Describe a chain: each reads what the one before it wrote."""
    return [
        new_function(
            name=f"f{number}",
            image="busybox:1",
            execution_mode=ExecutionMode(mode),
            input=(StorageSpec(path=f"bench/{number}"),),
            output=(StorageSpec(path=f"bench/{number + 1}"),),
            batch=BatchSpec() if mode != "lambda" else None,
        )
        for number in range(count)
    ]


def timed(account: Elsewhere, command: Callable[[AwsConnection], object]) -> Figures:
    """Run one command, from the making of its clients on."""
    gc.collect()  # what earlier runs left, which a command of its own has not
    calls = Calls()
    begin, busy = time.perf_counter(), time.process_time()
    command(account.connect(calls))
    took, busy = time.perf_counter() - begin, time.process_time() - busy
    return Figures(len(calls.made), tuple(calls.chain()), took, busy)


def scar(account: Elsewhere, mode: str) -> Replayed:
    """Replay as many calls as SCAR's init makes, and the clients it makes; add its sleep."""
    gc.collect()
    begin = time.perf_counter()
    for service in SCAR_CLIENTS[mode]:
        _client_of_scar(account, service)
    iam = _client_of_scar(account, "iam")
    called = time.perf_counter()
    for _ in range(SCAR_CALLS[mode]):
        iam.get_account_summary()
    end = time.perf_counter()
    return Replayed(end - begin + SCAR_SLEEP, (end - called) / SCAR_CALLS[mode])


def _client_of_scar(account: Elsewhere, service: str) -> Any:  # noqa: ANN401 - made at run time
    session: Any = boto3.Session("testing", "testing", region_name="eu-west-1")
    Calls().of(session)
    return session.client(service, endpoint_url=account.url)


def once(account: Elsewhere, wanted: list[Function]) -> Run:
    """Run the three commands in an empty account, and SCAR's sequence for each function."""
    account.empty()
    images, names = Images(), [f.name for f in wanted]

    def init(connection: AwsConnection) -> object:
        return deploy.init(wanted, connection, lambda _: None, images=images)

    def again(connection: AwsConnection) -> None:
        if todo := init(connection):
            sys.exit(f"The second init changed something:\n{todo}")

    def remove(connection: AwsConnection) -> object:
        return deploy.remove(names, connection, lambda _: None)

    each = zip(COMMANDS, (init, again, remove), strict=True)
    found = {title: timed(account, command) for title, command in each}
    alone = scar(account, str(wanted[0].lambda_.execution_mode))
    return Run(found, replace(alone, took=alone.took * len(wanted)))


def measure(account: Elsewhere, title: str, wanted: list[Function]) -> list[str]:
    """Print medians; return what is over its limit."""
    runs = [once(account, wanted) for _ in range(RUNS)]
    for command in COMMANDS:
        figures = _middle([run.commands[command] for run in runs])
        print(
            f"{title + ': ' + command:28} {figures.calls:4} calls, chain of"
            f" {len(figures.chain):2}, {figures.took:5.2f} s,"
            f" {figures.busy:.2f} s of them computing"
        )
    first = _middle([run.commands["init"] for run in runs])
    print(f"  {' > '.join(first.chain)}")
    share = statistics.median(run.commands["init"].took / run.theirs.took for run in runs)
    chains = statistics.median(run.chains("init") for run in runs)
    took = statistics.median(run.theirs.took for run in runs)
    call = statistics.median(run.theirs.call for run in runs)
    print(
        f"{title}: init {chains:.2f} of its chain at {1000 * call:.0f} ms a call,"
        f" {share:.2f} of SCAR's {took:.2f} s"
    )
    over = {"chains": chains > OF_CHAIN, "of SCAR's": share > OF_SCAR}
    return [f"{title}: {figure}" for figure, is_over in over.items() if is_over]


def _middle(figures: list[Figures]) -> Figures:
    return sorted(figures, key=lambda one: one.took)[RUNS // 2]


def main() -> None:
    """Print the figures, and which are over their limit."""
    reduce_garbage_collection()  # as every command does
    with elsewhere() as account:
        once(account, functions(1, "lambda-batch"))  # moto loads its models once
        over = [
            *measure(account, "lambda", functions(1, "lambda")),
            *measure(account, "lambda-batch", functions(1, "lambda-batch")),
            *measure(account, "chain of five", functions(5, "lambda")),
        ]
    print(f"Over the limit: {', '.join(over) or 'none'}")


if __name__ == "__main__":
    main()

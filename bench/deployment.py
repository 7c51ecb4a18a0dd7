"""API calls and seconds of init, a second init and rm, with 50 ms added to each call.

For comparison, what SCAR does: its clients, each with its own session; as many calls as its
``init`` makes, one after another; its fixed sleep of 2 s. All this with the same endpoint and the
same delay: moto in its own process, so that only scar's own computation is measured. Usage:
``python -m bench.deployment [RUNS [TITLE…]]``; 5 and all of ``DEPLOYMENTS`` unless given.

A chain is a longest sequence of calls that do not overlap. The time that it would take alone is
computed from SCAR's calls, which run without anything in parallel: the delay, and the time that
moto and the client need for one call. Figures are medians of several runs, in which the commands
and SCAR's sequence alternate.

Reports if an ``init`` takes more than 1.3 times its chain or 0.35 times SCAR's sequence; exits with
status 1 only if a second init changes something, since times depend on the load of the machine.
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
DEPLOYMENTS = {  # number of functions and execution mode
    "lambda": (1, "lambda"),
    "lambda-batch": (1, "lambda-batch"),
    "chain of five": (5, "lambda"),
    "20 functions": (20, "lambda"),
}
COMMANDS = ("init", "second init", "rm")


@dataclass
class NoImageBuilder:
    """An image builder that builds and pushes nothing: images have their own benchmarks."""

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
    """The cost of one command: its calls, its wall time and CPU time (``busy``) in seconds."""

    calls: int
    chain: tuple[str, ...]
    took: float
    busy: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """The seconds of SCAR's sequence, and of one call in it."""

    took: float
    call: float


@dataclass(frozen=True, slots=True)
class RoundFigures:
    """The figures of one round in an empty account: scar's commands, then SCAR's sequence."""

    commands: dict[str, Figures]
    theirs: Replayed

    def chains(self, command: str) -> float:
        """Return the time of a command divided by that of its chain."""
        figures = self.commands[command]
        return figures.took / (len(figures.chain) * self.theirs.call)


def functions(count: int, mode: str) -> list[Function]:
    """Return functions of which each reads the outputs of the one before."""
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
    """Run one command, the creation of its clients included."""
    gc.collect()  # garbage of earlier runs, which a command in its own process does not have
    calls = Calls()
    begin, busy = time.perf_counter(), time.process_time()
    command(account.connect(calls))
    took, busy = time.perf_counter() - begin, time.process_time() - busy
    return Figures(len(calls.made), tuple(calls.chain()), took, busy)


def scar(account: Elsewhere, mode: str) -> Replayed:
    """Create as many clients and make as many calls as SCAR's init does; add its sleep."""
    gc.collect()
    begin = time.perf_counter()
    for service in SCAR_CLIENTS[mode]:
        _client_of_scar(account, service)
    iam = _client_of_scar(account, "iam")
    first_call = time.perf_counter()
    for _ in range(SCAR_CALLS[mode]):
        iam.get_account_summary()
    end = time.perf_counter()
    return Replayed(end - begin + SCAR_SLEEP, (end - first_call) / SCAR_CALLS[mode])


def _client_of_scar(account: Elsewhere, service: str) -> Any:  # noqa: ANN401 - made at run time
    session: Any = boto3.Session("testing", "testing", region_name="eu-west-1")
    Calls().of(session)
    return session.client(service, endpoint_url=account.url)


def once(account: Elsewhere, desired: list[Function]) -> RoundFigures:
    """Run the three commands in an empty account, and SCAR's sequence for each function."""
    account.empty()
    images, names = NoImageBuilder(), [f.name for f in desired]

    def init(connection: AwsConnection) -> object:
        return deploy.init(desired, connection, lambda _: None, images=images)

    def again(connection: AwsConnection) -> None:
        if plan := deploy.init(desired, connection, lambda _: None, images=images, refresh=False):
            sys.exit(f"The second init changed something:\n{plan}")

    def remove(connection: AwsConnection) -> object:
        return deploy.remove(names, connection, lambda _: None)

    each = zip(COMMANDS, (init, again, remove), strict=True)
    figures_by_command = {title: timed(account, command) for title, command in each}
    replayed = scar(account, str(desired[0].lambda_.execution_mode))
    return RoundFigures(figures_by_command, replace(replayed, took=replayed.took * len(desired)))


def measure(
    account: Elsewhere, title: str, desired: list[Function], count: int = RUNS
) -> list[str]:
    """Print the medians of so many runs; return the figures above their limits."""
    runs = [once(account, desired) for _ in range(count)]
    for command in COMMANDS:
        figures = _middle([run.commands[command] for run in runs])
        print(
            f"{title + ': ' + command:28} {figures.calls:4} calls, chain of"
            f" {len(figures.chain):2}, {figures.took:5.2f} s,"
            f" {figures.busy:.2f} s of CPU time"
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
    return sorted(figures, key=lambda one: one.took)[len(figures) // 2]


def main() -> None:
    """Print the figures, and those above their limits."""
    reduce_garbage_collection()  # as every command does
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    titles = sys.argv[2:] or list(DEPLOYMENTS)
    over = []
    with elsewhere() as account:
        # moto loads its models at first.
        modes = {mode for title, (_, mode) in DEPLOYMENTS.items() if title in titles}
        once(account, functions(1, "lambda-batch" if "lambda-batch" in modes else "lambda"))
        for title in titles:
            over += measure(account, title, functions(*DEPLOYMENTS[title]), count)
    print(f"Over the limit: {', '.join(over) or 'none'}")


if __name__ == "__main__":
    main()

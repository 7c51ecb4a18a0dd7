"""API calls and seconds of init, a second init and rm, with 50 ms added to every call.

Beside it, what SCAR does: as many calls as its ``init`` makes, one after another, and its fixed
sleep of 2 s, against the same endpoint with the same delay. The endpoint is moto in a process of
its own, so that what is computed here is scar's alone. A chain is a longest sequence of calls each
of which began after the one before it had ended. Figures are medians of some runs, the commands
and SCAR's sequence in turn.

Says so if an ``init`` takes more than 1.3 times its chain or 0.35 times SCAR's sequence; ends
with status 1 only if a second init changes something, since a busy machine computes slowly.
"""

from __future__ import annotations

import gc
import hashlib
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench._account import DELAY, Calls, Elsewhere, elsewhere
from scar.aws import deploy
from scar.aws.function import Batch, Function, Input
from scar.cli.main import collect_seldom
from supervisor import config as wire
from supervisor.model import ExecutionMode, ImageDefaults, OutputRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.connection import Connection
    from supervisor.model import FunctionConfig

RUNS = 5
SCAR_SLEEP = 2.0
SCAR_CALLS = {"lambda": 16, "lambda-batch": 22}
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
        return f"sha256:{hashlib.sha256(wire.dump(config).encode()).hexdigest()}"

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

    @property
    def chains(self) -> float:
        return self.took / (len(self.chain) * DELAY)


def functions(count: int, mode: str) -> list[Function]:
    """Describe a chain: each reads what the one before it wrote."""
    return [
        Function(
            name=f"f{number}",
            image="busybox:1",
            mode=ExecutionMode(mode),
            inputs=(Input(provider="s3", path=f"bench/{number}"),),
            outputs=(OutputRule(provider="s3", path=f"bench/{number + 1}"),),
            batch=Batch() if mode != "lambda" else None,
        )
        for number in range(count)
    ]


def timed(account: Elsewhere, command: Callable[[Connection], object]) -> Figures:
    """Run one command, from the making of its clients on."""
    gc.collect()  # what earlier runs left, which a command of its own has not
    calls = Calls()
    begin, busy = time.perf_counter(), time.process_time()
    command(account.connect(calls))
    took, busy = time.perf_counter() - begin, time.process_time() - busy
    return Figures(len(calls.made), tuple(calls.chain()), took, busy)


def scar(account: Elsewhere, mode: str) -> float:
    """Replay as many calls as SCAR's init makes, and its sleep; return the seconds."""
    begin = time.perf_counter()
    iam = account.connect(Calls()).client("iam")
    for _ in range(SCAR_CALLS[mode]):
        iam.get_account_summary()
    time.sleep(SCAR_SLEEP)
    return time.perf_counter() - begin


def once(account: Elsewhere, wanted: list[Function]) -> tuple[dict[str, Figures], float]:
    """Run the three commands in an empty account, and SCAR's sequence."""
    account.empty()
    images, names = Images(), [f.name for f in wanted]

    def init(connection: Connection) -> object:
        return deploy.init(wanted, connection, lambda _: None, images=images)

    def again(connection: Connection) -> None:
        if todo := init(connection):
            sys.exit(f"The second init changed something:\n{todo}")

    def remove(connection: Connection) -> object:
        return deploy.remove(names, connection, lambda _: None)

    each = zip(COMMANDS, (init, again, remove), strict=True)
    found = {title: timed(account, command) for title, command in each}
    return found, scar(account, str(wanted[0].mode)) * len(wanted)


def measure(account: Elsewhere, title: str, wanted: list[Function]) -> list[str]:
    """Print medians; return what is over its limit."""
    found, theirs = defaultdict(list), []
    for _ in range(RUNS):
        figures, replayed = once(account, wanted)
        theirs.append(replayed)
        for command, one in figures.items():
            found[command].append(one)
    for command, runs in found.items():
        middle = sorted(runs, key=lambda run: run.took)[RUNS // 2]
        print(
            f"{title + ': ' + command:28} {middle.calls:4} calls, chain of"
            f" {len(middle.chain):2}, {middle.took:5.2f} s = {middle.chains:.2f} chains,"
            f" {middle.busy:.2f} s of them computing"
        )
    first = sorted(found["init"], key=lambda run: run.took)[RUNS // 2]
    print(f"  {' > '.join(first.chain)}")
    share = statistics.median(
        run.took / seconds for run, seconds in zip(found["init"], theirs, strict=True)
    )
    chains = statistics.median(run.chains for run in found["init"])
    print(f"{title}: SCAR {statistics.median(theirs):5.2f} s, init {share:.2f} of it")
    over = {"chains": chains > OF_CHAIN, "of SCAR's": share > OF_SCAR}
    return [f"{title}: {figure}" for figure, is_over in over.items() if is_over]


def main() -> None:
    """Print the figures, and which are over their limit."""
    collect_seldom()  # as every command does
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

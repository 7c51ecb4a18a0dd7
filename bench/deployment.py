"""API calls and seconds of init, a second init and rm, with 50 ms added to every call.

Beside it, what SCAR does: as many calls as its ``init`` makes, one after another, and its fixed
sleep of 2 s, against the same endpoint with the same delay. A chain is a longest sequence of
calls each of which began after the one before it had ended; what comes before the first call is
making the SDK's clients, and everything is computed in this one process, moto's answers too.
Says so if an ``init`` takes more than 1.3 times its chain or 0.35 times SCAR's sequence; ends
with status 1 only if a second init changes something, since a busy machine computes slowly.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3

from scar.aws import deploy
from scar.aws.connection import Connection
from scar.aws.function import Batch, Function, Input
from supervisor import config as wire
from supervisor.model import ExecutionMode, ImageDefaults, OutputRule
from tests.functional.aws.accounts import amend, an_account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.model import OperationModel

    from supervisor.model import FunctionConfig

DELAY = 0.05  # seconds
SCAR_SLEEP = 2.0
SCAR_CALLS = {"lambda": 16, "lambda-batch": 22}
OF_CHAIN, OF_SCAR = 1.3, 0.35


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


@dataclass
class Calls:
    """The calls of one command: operation, begin and end."""

    made: list[tuple[str, float, float]] = field(default_factory=list)
    _begun: dict[int, float] = field(default_factory=dict)

    def of(self, session: boto3.Session) -> None:
        session.events.register_first("before-parameter-build", self._begin)
        session.events.register_last("after-call", self._end)

    def chain(self) -> list[str]:
        """Return a longest sequence of calls that do not overlap."""
        chain, free = [], 0.0
        for name, begin, end in sorted(self.made, key=lambda call: call[2]):
            if begin >= free:
                chain.append(name)
                free = end
        return chain

    def _begin(self, **_: object) -> None:
        self._begun[threading.get_ident()] = time.perf_counter()
        time.sleep(DELAY)

    def _end(self, model: OperationModel, **_: object) -> None:
        begin = self._begun[threading.get_ident()]
        self.made.append((model.name, begin, time.perf_counter()))


@contextmanager
def command(title: str) -> Iterator[tuple[Connection, Calls, list[float]]]:
    """Give a command its own session, as every process has, and time it."""
    calls = Calls()
    took: list[float] = []
    begin, busy = time.perf_counter(), time.process_time()
    session = boto3.Session("testing", "testing", region_name="eu-west-1")
    amend(session)
    calls.of(session)
    yield Connection(session=session, description="moto"), calls, took
    took.append(time.perf_counter() - begin)
    chain = calls.chain()
    print(
        f"{title:28} {len(calls.made):4} calls, chain of {len(chain):2},"
        f" {took[0]:5.2f} s = {took[0] / (len(chain) * DELAY):.2f} chains,"
        f" {time.process_time() - busy:.2f} s of them computing,"
        f" {min(call[1] for call in calls.made) - begin:.2f} s before the first call"
    )


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


def scar(mode: str) -> float:
    """Replay as many calls as SCAR's init makes, and its sleep; return the seconds."""
    begin = time.perf_counter()
    session = boto3.Session("testing", "testing", region_name="eu-west-1")
    Calls().of(session)
    iam = session.client("iam")
    for _ in range(SCAR_CALLS[mode]):
        iam.get_account_summary()
    time.sleep(SCAR_SLEEP)
    return time.perf_counter() - begin


def measure(title: str, wanted: list[Function]) -> Mapping[str, float]:
    """Run the three commands in an empty account; return the figures that have a limit."""
    images, mode = Images(), str(wanted[0].mode)
    with an_account():
        with command(f"{title}: init") as (connection, calls, first):
            deploy.init(wanted, connection, lambda _: None, images=images)
        chain = len(calls.chain()) * DELAY
        print(f"  {' > '.join(calls.chain())}")
        with command(f"{title}: second init") as (connection, _, _):
            todo = deploy.init(wanted, connection, lambda _: None, images=images)
        if todo:
            sys.exit(f"The second init changed something:\n{todo}")
        with command(f"{title}: rm") as (connection, _, _):
            deploy.remove([f.name for f in wanted], connection, lambda _: None)
        theirs = scar(mode) * len(wanted)
    print(f"{title}: SCAR's calls          {theirs:5.2f} s, init {first[0] / theirs:.2f} of it")
    return {"chain": first[0] / chain / OF_CHAIN, "scar": first[0] / theirs / OF_SCAR}


def main() -> None:
    """Print the figures, and which are over their limit."""
    with an_account() as connection:  # moto loads its models once
        deploy.init(functions(1, "lambda-batch"), connection, lambda _: None, images=Images())
    measured = {
        title: measure(title, wanted)
        for title, wanted in (
            ("lambda", functions(1, "lambda")),
            ("lambda-batch", functions(1, "lambda-batch")),
            ("chain of five", functions(5, "lambda")),
        )
    }
    over = [
        f"{title}: {figure}"
        for title, of in measured.items()
        for figure, share in of.items()
        if share > 1
    ]
    print(f"Over the limit: {', '.join(over) or 'none'}")


if __name__ == "__main__":
    main()

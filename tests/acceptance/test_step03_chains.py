"""Step 3: a chain of functions, loops that are refused, and a loop that must end by itself."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.deployment import Deployment
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(3)
MOST_RUNS = 33  # docs/architecture.md: a chain of more than 32 runs fails
QUIET_SECONDS = {False: 5.0, True: 240.0}


def path(run: AcceptanceRun, folder: str, bucket: str = "loop") -> list[dict[str, str]]:
    return [{"path": f"{run.bucket_name(bucket)}/{folder}"}]


def test_a_chain_of_three_functions_ends_with_every_output(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    folders = [path(run, name, "chain") for name in ("a", "b", "c", "d")]
    chain = deploy(
        "chain",
        *(
            function(f"chain-{number}", "chain", input=folders[number], output=folders[number + 1])
            for number in range(3)
        ),
    )
    chain.init()
    chain.put(*(run.file(f"chain/{number}.txt", str(number)) for number in range(3)))
    for number in range(3):
        chain.until(lambda n=number: chain.states(n)["done"] == 3)  # type: ignore[misc]
    assert chain.get(2) == {f"{number}.txt": str(number).encode() for number in range(3)}


def test_a_second_file_that_closes_a_loop_is_refused(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    there = deploy("there", function("there", "loop", input=path(run, "a"), output=path(run, "b")))
    there.init()
    back = deploy("back", function("back", "loop", input=path(run, "b"), output=path(run, "a")))
    refused = back.init(status=3)
    assert "loop" in refused.stderr
    assert run.function_name("there") in refused.stderr


def test_a_loop_that_somebody_else_closes_ends_by_itself(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    """A notification added manually starts the second function on the output of the first."""
    folders = {name: path(run, name, "hand") for name in ("a", "b", "c")}
    both = deploy(
        "hand",
        function("hand-1", "hand", input=folders["a"], output=folders["b"], concurrency=1),
        function("hand-2", "hand", input=folders["c"], output=folders["a"], concurrency=1),
    )
    both.init()
    with rule_by_hand(run, both, "b/"):
        both.put(run.file("hand/one.txt", "a photo"))
        runs = count_until_quiet(run, both)
    both.remove()
    run.observe("runs of a loop until it ended", runs)
    assert 2 < runs <= MOST_RUNS + 1


@contextmanager
def rule_by_hand(run: AcceptanceRun, both: Deployment, prefix: str) -> Iterator[None]:
    """Let the second function start on another folder of its input bucket."""
    bucket, s3 = run.bucket_name("hand"), run.target.client("s3")
    present = s3.get_bucket_notification_configuration(Bucket=bucket)
    rules = present["LambdaFunctionConfigurations"]
    name = both.functions[1]["name"]
    (arn,) = (r["LambdaFunctionArn"] for r in rules if r["LambdaFunctionArn"].endswith(name))
    rule = {
        "Id": "by-hand",
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [*rules, rule]}
    )
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": rules}
        )


def count_until_quiet(run: AcceptanceRun, both: Deployment) -> int:
    """Return the number of runs of both functions when no more have begun for a while."""
    count, changed = 0, time.monotonic()
    while time.monotonic() - changed < QUIET_SECONDS[run.settings.is_aws]:
        now = sum(row_total(row) for row in both.scar("status", "-j").json()["functions"])
        assert now <= MOST_RUNS + 1, "the loop does not end"
        if now != count:
            count, changed = now, time.monotonic()
        time.sleep(1)
    return count


def row_total(row: dict[str, Any]) -> int:
    if "hand" not in row["name"]:
        return 0
    states = ("waiting", "lambda", "queued", "running", "done", "failed", "lost")
    return sum(int(row[state]) for state in states)

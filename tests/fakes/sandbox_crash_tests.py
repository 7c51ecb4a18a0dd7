"""Deaths in Lambda, soft and hard, told of every engine: each run ends in Batch, once.

The script behaves in Batch and does its worst in Lambda. What the supervisor cannot see,
because its sandbox is gone, the delegate is told by Lambda.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.local_cloud import BUCKET, function
from tests.fakes.script_fault_tests import (
    HOG,
    IN_BATCH,
    a_name,
    processes_with,
    seconds_nobody_else_sleeps,
)
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloud

WITH_ROOM = {**IN_BATCH, "memory": 512}


def _both(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - FDL's keys
    return function(name, execution_mode="lambda-batch", batch=WITH_ROOM, **more)


DYING = (
    _both("dies", memory=256),
    _both("full", memory=1024),
    # TERM comes after 4 of 12 seconds: the rest is enough to end what ignores it.
    _both("soft", timeout=12, container={"timeout_threshold": 8}),
    # TERM comes after 5 of 6 seconds and is waited for until Lambda ends the sandbox.
    _both("hard", timeout=6, container={"timeout_threshold": 1}),
    function("alone"),
)


def worst(name: str, in_lambda: str) -> str:
    """Write a script that makes an output and misbehaves in Lambda only."""
    return f"""
        echo "$SCAR_SITE" >"$TMP_OUTPUT_DIR/{name}"
        [ "$SCAR_SITE" = batch ] || {{ {in_lambda}; }}
    """


class HardDeaths:
    """Each kind of death, and what becomes of the run."""

    def goes_on_in_batch(self, dying: LocalCloud, function: str, in_lambda: str) -> dict[str, Any]:
        """Upload, and return the records of the run once it made its output in Batch."""
        name = a_name()
        key = dying.put(function, worst(name, in_lambda))
        records = until(lambda: self._done(dying, function, key))
        assert records["done.json"]["state"] == "done"
        assert dying.keys(f"out/{function}/{name}") == [f"out/{function}/{name}"]
        assert dying.read(f"out/{function}/{name}") == "batch\n"
        assert len(dying.jobs(function, key)) == 1
        assert len(dying.runs(function, key)) == 1
        assert records.keys() == {"claim.json", "delegated.json", "attempt-1.json", "done.json"}
        return records

    @staticmethod
    def _done(dying: LocalCloud, function: str, key: str) -> dict[str, Any]:
        found = dying.ended(function, key)
        assert "error.json" not in found, found["error.json"]
        return found

    def test_a_killed_sandbox(self, dying: LocalCloud) -> None:
        records = self.goes_on_in_batch(dying, "dies", "kill -9 $PPID; sleep 5")
        assert records["delegated.json"]["kind"] == "OutOfMemory"

    def test_a_killed_script_gets_twice_the_memory(self, dying: LocalCloud) -> None:
        records = self.goes_on_in_batch(dying, "dies", "kill -9 $$")
        assert records["delegated.json"]["kind"] == "OutOfMemory"

    def test_children_that_ignore_term_while_time_is_left(self, dying: LocalCloud) -> None:
        pause = seconds_nobody_else_sleeps()
        stubborn = f"trap '' TERM; sh -c \"trap '' TERM; sleep {pause}\" & sleep {pause}"
        records = self.goes_on_in_batch(dying, "soft", stubborn)
        assert records["delegated.json"]["kind"] == "DeadlineExceeded"
        assert not processes_with(pause)

    def test_children_that_ignore_term_until_lambda_ends_the_sandbox(
        self, dying: LocalCloud
    ) -> None:
        pause = seconds_nobody_else_sleeps()
        stubborn = f"trap '' TERM; sh -c \"trap '' TERM; sleep {pause}\" & sleep {pause}"
        records = self.goes_on_in_batch(dying, "hard", stubborn)
        assert "Task timed out" in records["delegated.json"]["problem"]
        assert not processes_with(pause)

    def test_a_death_in_mode_lambda_is_recorded_with_its_event(self, dying: LocalCloud) -> None:
        key = dying.put("alone", "kill -9 $PPID; sleep 5")
        records = dying.ended("alone", key)
        assert "done.json" not in records
        assert "killed" in records["error.json"]["problem"]
        assert key in records["claim.json"]["event"]
        assert BUCKET in records["claim.json"]["event"]


class HardDeathsWithLimits(HardDeaths):
    """Where the engine enforces memory and disk as Lambda does."""

    def test_a_sandbox_out_of_memory(self, dying: LocalCloud) -> None:
        records = self.goes_on_in_batch(dying, "dies", HOG)
        assert records["delegated.json"]["kind"] == "OutOfMemory"

    def test_a_full_disk(self, dying: LocalCloud) -> None:
        fill = 'dd if=/dev/zero of="$TMP_INPUT_DIR/big" bs=1M count=600 || exit 1'
        records = self.goes_on_in_batch(dying, "full", fill)
        assert records["delegated.json"]["kind"] == "DiskFull"

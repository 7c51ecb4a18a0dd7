"""Crash tests for every engine: a run whose script or sandbox dies in Lambda ends in Batch, once.

The script fails in Lambda only. If the whole sandbox dies, the supervisor cannot report it:
Lambda sends an invocation record to the failure handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.local_cloud import BUCKET, function
from tests.fakes.script_fault_tests import (
    HOG,
    IN_BATCH,
    a_name,
    processes_with,
    unique_sleep_seconds,
)
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloudProcess

WITH_ROOM = {**IN_BATCH, "memory": 512}


def _lambda_batch_function(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - FDL's keys
    return function(name, execution_mode="lambda-batch", batch=WITH_ROOM, **more)


CRASHING_FUNCTIONS = (
    _lambda_batch_function("crash", memory=256),
    _lambda_batch_function("full", memory=1024),
    # SIGTERM comes after 4 of 12 seconds: time enough to kill processes that ignore it.
    _lambda_batch_function("soft", timeout=12, container={"timeout_threshold": 8}),
    # SIGTERM comes after 5 of 6 seconds, SIGKILL half a second later.
    _lambda_batch_function("hard", timeout=6, container={"timeout_threshold": 1}),
    function("alone"),
)


def failing_in_lambda(name: str, in_lambda: str) -> str:
    """Return a script that writes an output, and runs ``in_lambda`` in Lambda only."""
    return f"""
        echo "$SCAR_SITE" >"$TMP_OUTPUT_DIR/{name}"
        [ "$SCAR_SITE" = batch ] || {{ {in_lambda}; }}
    """


class SandboxCrashes:
    """Crashes that every engine can tell from errors."""

    def continue_in_batch(
        self, crash_cloud: LocalCloudProcess, function: str, in_lambda: str
    ) -> dict[str, Any]:
        """Upload a script that crashes in Lambda; return the records once it ended in Batch."""
        name = a_name()
        key = crash_cloud.put(function, failing_in_lambda(name, in_lambda))
        records = until(lambda: self._done(crash_cloud, function, key))
        assert records["done.json"]["state"] == "done"
        assert crash_cloud.keys(f"out/{function}/{name}") == [f"out/{function}/{name}"]
        assert crash_cloud.read(f"out/{function}/{name}") == "batch\n"
        assert len(crash_cloud.jobs(function, key)) == 1
        assert len(crash_cloud.runs(function, key)) == 1
        assert records.keys() == {"claim.json", "delegated.json", "attempt-1.json", "done.json"}
        return records

    @staticmethod
    def _done(crash_cloud: LocalCloudProcess, function: str, key: str) -> dict[str, Any]:
        found = crash_cloud.ended(function, key)
        assert "error.json" not in found, found["error.json"]
        return found

    def test_a_killed_sandbox(self, crash_cloud: LocalCloudProcess) -> None:
        records = self.continue_in_batch(crash_cloud, "crash", "kill -9 $PPID; sleep 5")
        assert records["delegated.json"]["kind"] == "OutOfMemory"

    def test_a_killed_script_gets_twice_the_memory(self, crash_cloud: LocalCloudProcess) -> None:
        records = self.continue_in_batch(crash_cloud, "crash", "kill -9 $$")
        assert records["delegated.json"]["kind"] == "OutOfMemory"

    def test_children_that_ignore_term_while_time_is_left(
        self, crash_cloud: LocalCloudProcess
    ) -> None:
        pause = unique_sleep_seconds()
        stubborn = f"trap '' TERM; sh -c \"trap '' TERM; sleep {pause}\" & sleep {pause}"
        records = self.continue_in_batch(crash_cloud, "soft", stubborn)
        assert records["delegated.json"]["kind"] == "DeadlineExceeded"
        assert not processes_with(pause)

    def test_children_that_ignore_term_until_lambda_ends_the_sandbox(
        self, crash_cloud: LocalCloudProcess
    ) -> None:
        pause = unique_sleep_seconds()
        stubborn = f"sh -c \"trap '' TERM; sleep {pause}\" & kill -STOP $PPID; sleep {pause}"
        records = self.continue_in_batch(crash_cloud, "hard", stubborn)
        assert "Task timed out" in records["delegated.json"]["problem"]
        assert not processes_with(pause)

    def test_a_crash_in_mode_lambda_is_recorded_with_its_event(
        self, crash_cloud: LocalCloudProcess
    ) -> None:
        key = crash_cloud.put("alone", "kill -9 $PPID; sleep 5")
        records = crash_cloud.ended("alone", key)
        assert "done.json" not in records
        assert "killed" in records["error.json"]["problem"]
        assert key in records["claim.json"]["event"]
        assert BUCKET in records["claim.json"]["event"]


class SandboxCrashesWithLimits(SandboxCrashes):
    """Crashes on engines that enforce limits of memory and disk."""

    def test_a_sandbox_out_of_memory(self, crash_cloud: LocalCloudProcess) -> None:
        records = self.continue_in_batch(crash_cloud, "crash", HOG)
        assert records["delegated.json"]["kind"] == "OutOfMemory"

    def test_a_full_disk(self, crash_cloud: LocalCloudProcess) -> None:
        fill = 'dd if=/dev/zero of="$TMP_INPUT_DIR/big" bs=1M count=600 || exit 1'
        records = self.continue_in_batch(crash_cloud, "full", fill)
        assert records["delegated.json"]["kind"] == "DiskFull"

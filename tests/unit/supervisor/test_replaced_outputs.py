"""An output that replaces that of another call or input is recorded and logged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.supervisor_factory import (
    STATE,
    PythonScript,
    SupervisorHarness,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from supervisor.invocation import ProcessSpec

CALL: object = {"job": "report"}
FILE: object = notification("in/x")
OTHER_FILE: object = notification("in/y")


def write_report(spec: ProcessSpec) -> int:
    Path(spec.environment["TMP_OUTPUT_DIR"], "report").write_text(spec.environment["SCAR_RUN_ID"])
    return 0


def replaced_runs(tmp_path: Path, events: list[tuple[object, str]]) -> tuple[list[str], list[str]]:
    """Handle the events with these request ids; return runs, and what the last one replaced."""
    harness = new_harness(tmp_path, runner=PythonScript(write_report))
    for key in ("in/x", "in/y"):
        harness.store.put(key, b"1")
    runs = [
        harness.supervisor.handle(lambda_invocation(event, request=request)).results[0].run
        for event, request in events
    ]
    done = json.loads(harness.store.keys(STATE)[runs[-1].key("done")])
    replaced = [output["replaced"] for output in done["outputs"] if output["replaced"]]
    assert [str(runs[0])] * len(warnings(harness)) == replaced
    assert all(str(runs[0]) in text for text in warnings(harness))
    return [str(run) for run in runs], replaced


def warnings(harness: SupervisorHarness) -> list[str]:
    lines = map(json.loads, harness.log)
    return [line["message"] for line in lines if line["level"] == "WARNING"]


@pytest.mark.parametrize(
    ("first", "second"), [(CALL, CALL), (CALL, FILE), (FILE, CALL), (FILE, OTHER_FILE)]
)
def test_the_output_of_another_call_or_input_is_not_replaced_silently(
    tmp_path: Path, first: object, second: object
) -> None:
    runs, replaced = replaced_runs(tmp_path, [(first, "req-1"), (second, "req-2")])
    assert replaced == runs[:1]


def test_an_attempt_of_the_same_call_replaces_nothing(tmp_path: Path) -> None:
    _, replaced = replaced_runs(tmp_path, [(CALL, "req-1"), (CALL, "req-1")])
    assert replaced == []


def test_an_object_of_another_program_is_replaced_without_a_warning(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(write_report))
    harness.store.put("out/report", b"by hand")
    harness.supervisor.handle(lambda_invocation(CALL))
    assert warnings(harness) == []

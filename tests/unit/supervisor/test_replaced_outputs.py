"""An output that replaces that of another call or input is recorded and logged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor.model import OutputRule
from supervisor.runs import record_format
from tests.fakes.object_store import MemoryStore
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
    from supervisor.model import ObjectRef, StoredObject

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


UNKNOWN = "s3://data/out/report: an existing file, whose run is not known, is replaced."


@pytest.mark.parametrize("event", [CALL, FILE])
def test_an_object_of_another_program_is_not_replaced_silently(
    tmp_path: Path, event: object
) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(write_report))
    harness.store.put("in/x", b"1")
    harness.store.put("out/report", b"by hand")
    (result,) = harness.supervisor.handle(lambda_invocation(event)).results
    assert warnings(harness) == [UNKNOWN]
    done = json.loads(harness.store.keys(STATE)[result.run.key("done")])
    assert [output["replaced"] for output in done["outputs"]] == [record_format.UNKNOWN_RUN]


class StoreWithoutProperties(MemoryStore):
    """A WebDAV server that keeps no properties: its files have no metadata."""

    def head(self, ref: ObjectRef) -> StoredObject | None:
        found = super().head(ref)
        return found and replace(found, metadata={})


@pytest.mark.parametrize(
    ("first", "second"), [(CALL, CALL), (CALL, FILE), (FILE, CALL), (FILE, OTHER_FILE)]
)
def test_a_file_of_a_store_without_properties_is_not_replaced_silently(
    tmp_path: Path, first: object, second: object
) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(write_report))
    state, store = harness.store, StoreWithoutProperties()
    for key in ("in/x", "in/y"):
        state.put(key, b"1")
    output = OutputRule(provider="webdav.lab", path="data/out")
    supervisor = replace(
        harness.supervisor,
        config=replace(harness.supervisor.config, outputs=(output,)),
        open_store=lambda kind: store if kind == "webdav.lab" else state,
    )
    supervisor.handle(lambda_invocation(first, request="req-1"))
    assert warnings(harness) == []
    supervisor.handle(lambda_invocation(second, request="req-2"))
    assert warnings(harness) == [UNKNOWN.replace("s3://", "webdav.lab:")]
    # No more requests than without the warning: the refused write, a look, and the write.
    assert store.calls == {"upload": 3, "head": 1}

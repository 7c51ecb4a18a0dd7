"""The script, and nothing else, sees the values of secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.errors import SecretError
from supervisor.results import RunOutcome
from tests.fakes.supervisor_factory import (
    STATE,
    PythonScript,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supervisor.invocation import ProcessSpec

VALUE = "hunter2-never-shown"


def test_the_script_gets_the_values_and_no_record_or_log_has_them(tmp_path: Path) -> None:
    seen: list[str] = []

    def script(task: ProcessSpec) -> int:
        seen.append(task.environment["DB"])
        return 3

    harness = new_harness(tmp_path, runner=PythonScript(script))
    config = replace(harness.supervisor.config, secrets={"DB": "ssm:/db"})
    supervisor = replace(
        harness.supervisor, config=config, read_secrets=lambda _until: {"DB": VALUE}
    )
    stored = harness.store.put("in/a", b"a")
    supervisor.handle(lambda_invocation(notification("in/a", etag=stored.etag)))
    assert seen == [VALUE]
    everything = b"".join(harness.store.keys(STATE).values()) + b"".join(harness.log)
    assert VALUE.encode() not in everything


def test_a_missing_secret_is_the_failure_of_the_run_before_its_input_is_read(
    tmp_path: Path,
) -> None:
    def fail(_until: float | None) -> Mapping[str, str]:
        raise SecretError("The secret of the variable DB does not exist.", remedy="Create it.")

    def script(_task: ProcessSpec) -> int:
        raise AssertionError("the script must not run")

    harness = new_harness(tmp_path, runner=PythonScript(script))
    methods: list[str] = []
    stored = harness.store.put("in/a", b"a")
    harness.store.before = lambda method, _ref: methods.append(method)
    supervisor = replace(harness.supervisor, read_secrets=fail)
    (result,) = supervisor.handle(lambda_invocation(notification("in/a", etag=stored.etag))).results
    assert result.state is RunOutcome.FAILED
    assert isinstance(result.error, SecretError)
    assert "download" not in methods
    record = next(v for k, v in harness.store.keys(STATE).items() if k.endswith("error.json"))
    assert b'"kind": "SecretError"' in record
    assert b"variable DB does not exist" in record

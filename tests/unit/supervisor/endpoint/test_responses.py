"""Status and headers of the responses to HTTP requests, and what they do not say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import StorageError
from supervisor.model import ExecutionMode
from tests.fakes.supervisor_factory import STATE, notification
from tests.unit.supervisor.endpoint.endpoint_harness import a_request, new_endpoint, public

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.model import ObjectRef


def test_text_is_said_to_be_text_and_never_a_page(tmp_path: Path) -> None:
    answer = new_endpoint(tmp_path).send(a_request("<b>ü</b>".encode()))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-scar-run-id"] == "req-1"


REQUESTS = {
    "the output": (a_request(b"x"), 200, "text/plain; charset=utf-8"),
    "bytes": (a_request(b"\xff"), 200, "application/octet-stream"),
    "asynchronous": (
        a_request(b"x", headers={"prefer": "respond-async"}),
        202,
        "text/plain; charset=utf-8",
    ),
    "refused": (
        a_request(b"x", headers={"x-amz-invocation-type": "DryRun"}),
        400,
        "text/plain; charset=utf-8",
    ),
    "an upload": (
        a_request(method="GET", path="/.scar/upload", query={"size": "5"}),
        200,
        "application/json",
    ),
    "an event of S3": (
        a_request(json.dumps(notification("in/x")).encode()),
        202,
        "text/plain; charset=utf-8",
    ),
}


@pytest.mark.parametrize(("sent", "status", "kind"), REQUESTS.values(), ids=REQUESTS.keys())
def test_every_response_has_a_type_that_browsers_do_not_guess(
    tmp_path: Path, sent: dict[str, object], status: int, kind: str
) -> None:
    """Without a content type a function URL sends application/json."""
    answer = new_endpoint(tmp_path).send(sent)
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == kind


def test_a_failing_script_is_an_error_with_its_output(tmp_path: Path) -> None:
    answer = new_endpoint(tmp_path, "echo wrong; exit 3\n", endpoint=public()).send(a_request())
    assert (answer.status, answer.text) == (500, "wrong\n")


def test_a_run_in_batch_is_accepted(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, mode=ExecutionMode.BATCH)
    answer = harness.send(a_request(b"x"))
    assert answer.status == 202
    assert answer.headers["x-scar-run-id"] == "req-1"
    assert answer.headers["x-scar-job-id"] == "job-1"


def test_a_throttled_submission_may_be_sent_again(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, mode=ExecutionMode.BATCH)
    harness.fakes.submitter.throttled = 1
    answer = harness.send(a_request(b"x"))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("is_public", [True, False])
def test_only_callers_of_the_account_are_told_about_it(tmp_path: Path, is_public: bool) -> None:
    harness = new_endpoint(tmp_path, endpoint=public()) if is_public else new_endpoint(tmp_path)

    def fail(method: str, ref: ObjectRef) -> None:
        if method == "write":
            raise StorageError(f"{ref.bucket} refuses.", remedy="Allow the role s3:PutObject.")

    harness.fakes.store.before = fail
    answer = harness.send(a_request(b"x"))
    assert answer.status == 500
    assert (STATE in answer.text) is not is_public
    assert ("amz-log-group-name" in answer.headers) is not is_public
    assert "req-1" in answer.text or not is_public


def test_left_out_files_are_not_named_to_everybody(tmp_path: Path) -> None:
    script = 'ln -s /etc/passwd "$TMP_OUTPUT_DIR/l"\n'
    told = new_endpoint(tmp_path / "a", script).send(a_request()).headers
    untold = new_endpoint(tmp_path / "b", script, endpoint=public()).send(a_request()).headers
    assert "x-scar-left-out" in told
    assert "x-scar-left-out" not in untold

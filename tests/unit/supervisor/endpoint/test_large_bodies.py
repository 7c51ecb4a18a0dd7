"""Bodies above Lambda's limit: uploaded first, then named by a header."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import ObjectChanged
from supervisor.model import ExecutionMode
from tests.fakes.supervisor_factory import STATE, job_invocation
from tests.unit.supervisor.endpoint.endpoint_harness import (
    MAX_BODY,
    Answer,
    a_request,
    new_endpoint,
)

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.model import ObjectRef

ID = "0123456789abcdef0123456789abcdef"


def ask(folder: Path, size: str | None, *, method: str = "GET", path: str = "upload") -> Answer:
    query = {} if size is None else {"size": size}
    request = a_request(method=method, path=f"/.scar/{path}", query=query)
    harness = new_endpoint(folder)
    answer = harness.send(request)
    assert not harness.stored("runs/")
    return answer


def test_an_upload_has_a_url_an_id_and_its_headers(tmp_path: Path) -> None:
    answer = ask(tmp_path, str(MAX_BODY))
    found = json.loads(answer.body)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert found["url"] == f"https://s3/{STATE}/requests/fn/{found['body']}?signed"
    assert found["headers"] == {"content-length": str(MAX_BODY)}
    assert found["expires"] > 0
    assert json.loads(ask(tmp_path, "1").body)["body"] != found["body"]


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (str(MAX_BODY + 1), 413),
        (None, 400),
        ("", 400),
        ("0", 400),
        ("-1", 400),
        ("1e3", 400),
        ("٣", 400),
        ("9" * 5000, 400),
    ],
)
def test_an_upload_of_no_possible_size_is_refused(
    tmp_path: Path, size: str | None, status: int
) -> None:
    assert ask(tmp_path, size).status == status


def test_the_endpoints_own_paths_are_not_the_scripts(tmp_path: Path) -> None:
    assert ask(tmp_path, "1", method="POST").status == 405
    assert ask(tmp_path, "1", path="other").status == 404


def test_an_uploaded_body_becomes_the_input_file(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, 'basename "$INPUT_FILE_PATH"; cat "$INPUT_FILE_PATH"\n')
    harness.put_body(ID, b"large")
    headers = {"X-Scar-Body": ID, "content-type": "application/json"}
    answer = harness.send(a_request(headers=headers))
    assert (answer.status, answer.text) == (200, "event-file-req-1.json\nlarge")


@pytest.mark.parametrize(
    "name", ["", "../fn/x", ID.upper(), ID + "0", f"{ID}\n0", "x" * 32, f"../../runs/{ID}", "%2e"]
)
def test_only_an_id_names_a_body(tmp_path: Path, name: str) -> None:
    harness = new_endpoint(tmp_path)
    assert harness.send(a_request(headers={"x-scar-body": name})).status == 400
    assert not harness.fakes.store.calls


def test_the_body_of_another_function_is_none_of_this_one(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    harness.put_body(ID, b"x", function="other")
    answer = harness.send(a_request(headers={"x-scar-body": ID}))
    assert answer.status == 404
    assert "expired" in answer.text
    assert not harness.stored("runs/")


def test_two_bodies_are_refused(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    harness.put_body(ID, b"x")
    assert harness.send(a_request(b"y", headers={"x-scar-body": ID})).status == 400


@pytest.mark.parametrize(("size", "status"), [(4, 200), (5, 413)])
@pytest.mark.parametrize("uploaded", [True, False])
def test_the_limit_is_for_all_bodies(
    tmp_path: Path, size: int, status: int, uploaded: bool
) -> None:
    from dataclasses import replace

    from tests.unit.supervisor.endpoint.endpoint_harness import ENDPOINT

    harness = new_endpoint(tmp_path, endpoint=replace(ENDPOINT, max_body=4))
    harness.put_body(ID, b"x" * size)
    request = a_request(headers={"x-scar-body": ID}) if uploaded else a_request(b"x" * size)
    assert harness.send(request).status == status


def test_a_body_that_expires_before_the_download_fails_the_run(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    harness.put_body(ID, b"x")

    def expire(method: str, ref: ObjectRef) -> None:
        if method == "download":
            raise ObjectChanged(f"{ref} is gone.")

    harness.fakes.store.before = expire
    answer = harness.send(a_request(headers={"x-scar-body": ID}))
    assert answer.status == 500
    assert [key for key in harness.stored("runs/") if key.endswith("error.json")]


def test_a_job_reads_the_uploaded_body(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, mode=ExecutionMode.BATCH)
    harness.put_body(ID, b"large")
    assert harness.send(a_request(headers={"x-scar-body": ID})).status == 202
    (job,) = harness.fakes.submitter.submitted
    (result,) = harness.fakes.supervisor.handle(job_invocation(job, harness.fakes.store)).results
    assert result.output == b"large"


def test_a_body_above_the_jobs_limit_reaches_the_job(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, mode=ExecutionMode.BATCH)
    assert harness.send(a_request(b"y" * 50_000)).status == 202
    (job,) = harness.fakes.submitter.submitted
    (result,) = harness.fakes.supervisor.handle(job_invocation(job, harness.fakes.store)).results
    assert result.output == b"y" * 50_000


def test_without_an_endpoint_nothing_of_it_is_served(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, endpoint=None)
    harness.put_body(ID, b"x")
    for request in (
        a_request(headers={"x-scar-body": ID}),
        a_request(headers={"prefer": "respond-async"}),
        a_request(method="GET", path="/.scar/upload", query={"size": "1"}),
    ):
        answer = harness.send(request)
        assert answer.status == 400
        assert "api_gateway" in answer.text

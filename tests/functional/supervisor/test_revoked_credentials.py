"""Credentials that AWS rejects before their announced expiry, in each step of a job."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from scar.local.http.messages import Response
from supervisor.execution.upload_pool import THREADS
from tests.functional.supervisor.held_job import DATE, HeldJob
from tests.functional.supervisor.held_s3 import ACCESS_KEY, HeldS3, held_s3, secret_key
from tests.waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.local.http.messages import Request

BODY = os.urandom(1 << 20)
SMALL_FILES = 24
SCRIPT = """\
#!/bin/sh
cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/copy"
number=0
while [ $number -lt {small} ]; do
    echo $number > "$TMP_OUTPUT_DIR/small-$number"
    number=$((number + 1))
done
[ {large} = 0 ] || truncate -s {large} "$TMP_OUTPUT_DIR/large"
exit {status}
"""
EXPIRED = (
    b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
)
# Bytes: one request after a HEAD, and an upload in parts.
ONE_REQUEST, IN_PARTS = 17 << 20, 65 << 20
ENVIRONMENT_KEYS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": secret_key(ACCESS_KEY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The first request that is rejected, and all later ones with the same credentials.

    ``breaks``: it continues a download whose connection broke.
    """

    name: str
    request: str
    large: int = 0
    status: int = 0
    breaks: bool = False


STEPS = (
    Step(name="claim", request=r"^HEAD .*done\.json"),
    Step(name="write of the claim", request=r"^PUT .*claim\.json"),
    Step(name="attempt", request=r"^PUT .*attempt-1\.json"),
    Step(name="stage in", request="^GET in/input"),
    Step(name="rest of the input", request="^GET in/input", breaks=True),
    Step(name="upload", request="^PUT out/small-7"),
    Step(name="head of an output", request="^HEAD out/large", large=ONE_REQUEST),
    Step(name="large upload", request="^PUT out/large", large=ONE_REQUEST),
    Step(name="start of an upload in parts", request=r"^POST out/large\?uploads", large=IN_PARTS),
    Step(name="part", request="partNumber=3", large=IN_PARTS),
    Step(name="completion", request=r"^POST out/large\?uploadId", large=IN_PARTS),
    Step(name="done", request=r"^PUT .*done\.json"),
    Step(name="error", request=r"^PUT .*error\.json", status=3),
)
NAMES = [step.name.replace(" ", "-") for step in STEPS]


@dataclass(slots=True)
class RevokingS3:
    """Rejects all keys that were used before the step's first request, with ``status``."""

    gate: HeldS3
    step: Step
    status: int
    revoked: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    rejected: list[str] = field(default_factory=list)
    began: bool = False
    broken: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, request: Request, line: str) -> Response | None:
        key = request.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        with self.lock:
            self.used.add(key)
            if re.search(self.step.request, line):
                if self.step.breaks and not self.broken:
                    self.broken = True
                    return self._break(request)
                if not self.began:
                    self.began = True
                    self.revoked = set(self.used)
            if key not in self.revoked:
                return None
            self.rejected.append(line)
        return Response(status=self.status, body=b"" if request.method == "HEAD" else EXPIRED)

    def _break(self, request: Request) -> Response:
        whole = self.gate.service.handle(request)
        if not isinstance(whole.body, bytes):
            whole.body.close()
        return Response(status=200, headers=whole.headers, body=BrokenBody(BODY[: len(BODY) // 3]))


@dataclass(frozen=True, slots=True)
class BrokenBody:
    """A body that ends before its announced length."""

    data: bytes

    def __iter__(self) -> Iterator[bytes]:
        yield self.data
        raise ConnectionResetError

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class CredentialEndpoint:
    """A container's credential endpoint; its credentials are announced to be valid for ages.

    ``renews``: each response has new ones.
    """

    renews: bool
    fetched: int = 0
    url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url}

    def next_response(self) -> bytes:
        self.fetched += 1
        key = f"AKIDEXAMPLE{self.fetched if self.renews else 1:09}"
        return json.dumps(
            {
                "AccessKeyId": key,
                "SecretAccessKey": secret_key(key),
                "Token": "",
                "Expiration": "2100-01-01T00:00:00Z",
            }
        ).encode()


@contextlib.contextmanager
def credential_endpoint(*, renews: bool) -> Iterator[CredentialEndpoint]:
    state = CredentialEndpoint(renews)

    class CredentialHandler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = state.next_response()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Log nothing."""

    listener = http.server.HTTPServer(("127.0.0.1", 0), CredentialHandler)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{listener.server_port}/credentials"
    try:
        yield state
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldS3]:
    with held_s3(tmp_path_factory.mktemp("gate")) as running:
        yield running


@contextlib.contextmanager
def revoking(
    folder: Path, gate: HeldS3, step: Step, status: int
) -> Iterator[tuple[HeldJob, RevokingS3]]:
    name = re.sub("[^a-z0-9-]", "-", folder.name.lower())[-40:].strip("-")
    script = SCRIPT.format(small=SMALL_FILES, large=step.large, status=step.status)
    job = HeldJob(name=name, folder=folder / "job", gate=gate, script=script, body=BODY)
    server = RevokingS3(gate, step, status)
    gate.refuse = server.refuse
    try:
        yield job, server
    finally:
        stop_revoking(gate)
        job.close()


def stop_revoking(gate: HeldS3) -> None:
    gate.refuse = lambda _request, _line: None


def run_attempt(job: HeldJob, number: int, credentials: dict[str, str]) -> int:
    return job.start(number, credentials).wait(TIMEOUT)


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
@pytest.mark.parametrize("status", [400, 403])
def test_new_credentials_are_fetched_once_and_the_run_continues(
    tmp_path: Path, gate: HeldS3, step: Step, status: int
) -> None:
    with (
        revoking(tmp_path, gate, step, status) as (job, server),
        credential_endpoint(renews=True) as endpoint,
    ):
        assert run_attempt(job, 1, endpoint.environ) == step.status, job.log(1)
        assert server.rejected
        assert endpoint.fetched == 2
        stop_revoking(gate)
        if step.status:
            assert job.record("error")["kind"] == "ScriptFailed"
        else:
            check_outputs(job, step)


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
@pytest.mark.parametrize("source", ["endpoint", "environment"])
def test_without_new_credentials_the_job_says_so_and_the_next_attempt_completes_the_run(
    tmp_path: Path, gate: HeldS3, step: Step, source: str
) -> None:
    with (
        revoking(tmp_path, gate, step, 400) as (job, server),
        credential_endpoint(renews=False) as endpoint,
    ):
        environ = endpoint.environ if source == "endpoint" else ENVIRONMENT_KEYS
        assert run_attempt(job, 1, environ) == (step.status or 1)
        assert "ExpiredToken" in job.log(1)
        assert "Renew the credentials" in job.log(1)
        # One for each upload that was in progress, a HEAD, its GET, an abort, and the record.
        assert 1 <= len(server.rejected) <= THREADS + 4
        assert endpoint.fetched <= (1 + len(server.rejected) if source == "endpoint" else 0)
        stop_revoking(gate)
        (job.folder / "function" / "script.sh").write_text(
            SCRIPT.format(small=SMALL_FILES, large=step.large, status=0)
        )
        assert run_attempt(job, 2, ENVIRONMENT_KEYS) == 0, job.log(2)
        check_outputs(job, step)


def check_outputs(job: HeldJob, step: Step) -> None:
    """Check that each object was written once, and that the record lists all."""
    names = {"copy", *(f"small-{number}" for number in range(SMALL_FILES))}
    names |= {"large"} if step.large else set()
    assert job.writes("out") == dict.fromkeys(names, 1)
    assert job.download("out/copy") == BODY
    if step.large:
        assert job.download("out/large") == bytes(step.large)
    assert job.writes(f"runs/{job.name}/{DATE}/run")["done.json"] == 1
    outputs = job.record("done")["outputs"]
    assert isinstance(outputs, list)
    assert len(outputs) == len(names)

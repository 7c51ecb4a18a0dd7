"""TERM and KILL in each phase of a Batch job; then the next attempt completes the run."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.functional.supervisor.held_job import DATE, CallHold, HeldJob
from tests.functional.supervisor.held_s3 import (
    ACCESS_KEY,
    HeldS3,
    Moment,
    RequestHold,
    held_s3,
    secret_key,
)
from tests.waiting import TIMEOUT, until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

pytestmark = pytest.mark.long

BODY = os.urandom(1 << 20)
SMALL_FILES = 24
LARGE_SIZE = 65 << 20  # above the threshold of uploads in parts
KEYS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": secret_key(ACCESS_KEY)}
SCRIPT = """\
#!/bin/sh
echo $$ > {folder}/script.pid
cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/copy"
number=0
while [ $number -lt {small} ]; do
    echo $number > "$TMP_OUTPUT_DIR/small-$number"
    number=$((number + 1))
done
[ {large} = 0 ] || truncate -s {large} "$TMP_OUTPUT_DIR/large"
[ $SCAR_ATTEMPT = 1 ] || exit 0
{last}
"""
WAIT = "touch {folder}/reached; exec sleep 86400"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Where the first attempt is held: at a request, a call of the process, or in its script.

    ``error`` is the kind in ``error.json`` after TERM; empty if the record has none.
    """

    name: str
    requests: str = ""
    moment: Moment = Moment.BEFORE
    count: int = 1
    event: str = ""
    place: str = ""
    number: int = 1
    last: str = ""
    large: int = 0
    error: str = "JobTerminated"

    @property
    def is_request(self) -> bool:
        return bool(self.requests)


def both(phase: Phase) -> tuple[Phase, Phase]:
    """Return the phase before its request takes effect, and after that, without a response."""
    return (
        replace(phase, name=f"{phase.name}, before", moment=Moment.BEFORE),
        replace(phase, name=f"{phase.name}, after", moment=Moment.AFTER),
    )


PHASES = (
    *both(Phase(name="claim", requests=r"PUT .*claim\.json", error="")),
    *both(Phase(name="attempt", requests=r"PUT .*attempt-1\.json")),
    Phase(name="new workspace", event="open", place="^scar-[0-9a-f]+$"),
    Phase(name="folders of the workspace", event="os.mkdir", place="^input$"),
    Phase(name="stage in", requests="GET in/input", moment=Moment.INSIDE),
    Phase(name="start of the script", event="subprocess.Popen", place="sh$"),
    Phase(name="script", last=WAIT),
    # The process table is read only if the script has left a process.
    Phase(name="end of the script", event="os.scandir", place="^/proc$", last="sleep 60 &"),
    Phase(name="listing", event="os.scandir", place="/output$"),
    *both(Phase(name="upload in the pool", requests="PUT out/small-", count=5)),
    *both(Phase(name="create upload", requests=r"POST out/large\?uploads", large=LARGE_SIZE)),
    *both(Phase(name="part", requests="PUT out/large.*partNumber=3", large=LARGE_SIZE)),
    *both(Phase(name="completion", requests=r"POST out/large\?uploadId", large=LARGE_SIZE)),
    Phase(name="removal of the files", event="os.scandir", place="/scar-[0-9a-f]+$"),
    Phase(name="removal of the workspace", event="os.rmdir", place="^scar-[0-9a-f]+$"),
    *both(Phase(name="done", requests=r"PUT .*done\.json")),
    *both(
        Phase(
            name="record of a failure",
            requests=r"PUT .*error\.json",
            last="exit 3",
            error="ScriptFailed",
        )
    ),
)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldS3]:
    with held_s3(tmp_path_factory.mktemp("gate")) as running:
        yield running


@dataclass(slots=True, kw_only=True)
class HeldAttempt:
    """The first attempt, held in its phase."""

    job: HeldJob
    phase: Phase
    process: subprocess.Popen[bytes]
    hold: RequestHold | CallHold | None

    def take_term(self) -> None:
        """Send TERM and wait until the supervisor has received it: later ones are ignored."""
        self.process.send_signal(signal.SIGTERM)
        until(self._ignores_term)

    def _ignores_term(self) -> bool:
        if self.process.poll() is not None:
            return True
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        return bool(ignored >> (signal.SIGTERM - 1) & 1)

    def release(self) -> None:
        if isinstance(self.hold, RequestHold):
            self.hold.release_and_wait()
        elif self.hold is not None:
            self.hold.release()


@pytest.fixture
def attempt(request: pytest.FixtureRequest, tmp_path: Path, gate: HeldS3) -> Iterator[HeldAttempt]:
    phase: Phase = request.param
    name = tmp_path.name[-40:].lower().replace("_", "-").strip("-")
    last = phase.last.format(folder=tmp_path)
    script = SCRIPT.format(folder=tmp_path, small=SMALL_FILES, large=phase.large, last=last)
    job = HeldJob(name=name, folder=tmp_path / "job", gate=gate, script=script, body=BODY)
    script_hold = CallHold(event="-", pattern="-", folder=tmp_path, number=0)
    hold: RequestHold | CallHold | None = None
    if phase.is_request:
        hold = RequestHold(pattern=phase.requests, moment=phase.moment, count=phase.count)
        gate.holds = [hold]
    elif phase.event:
        hold = CallHold(
            event=phase.event, pattern=phase.place, folder=job.folder, number=phase.number
        )
    process = job.start(1, KEYS, hold if isinstance(hold, CallHold) else None)
    held = hold or script_hold
    until(lambda: held.is_reached() or process.poll() is not None)
    assert process.poll() is None, job.log(1)
    yield HeldAttempt(job=job, phase=phase, process=process, hold=hold)
    for each in gate.holds:
        each.release()
    gate.holds = []
    job.close()


def each_phase() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "attempt", PHASES, ids=[phase.name.replace(" ", "-") for phase in PHASES], indirect=True
    )


@each_phase()
@pytest.mark.parametrize("terms", [1, 2])
def test_after_term_the_next_attempt_completes_the_run(attempt: HeldAttempt, terms: int) -> None:
    for _ in range(terms):
        attempt.take_term()
    attempt.release()
    assert attempt.process.wait(TIMEOUT) == 143, attempt.job.log(1)
    check_record_of_terminated_attempt(attempt)
    assert list(attempt.job.temporary(1).iterdir()) == []
    check_no_process_is_left(attempt.job)
    run_next_attempt(attempt.job)
    check_run(attempt)
    # An upload in parts is aborted, unless the log says that it took too long to end.
    assert count_unfinished_uploads(attempt.job) <= attempt.job.log(1).count("did not end")


@each_phase()
def test_term_ends_a_job_whose_server_does_not_respond(attempt: HeldAttempt) -> None:
    attempt.take_term()
    assert attempt.process.wait(TIMEOUT) == 143, attempt.job.log(1)
    check_record_of_terminated_attempt(attempt)
    assert list(attempt.job.temporary(1).iterdir()) == []
    run_next_attempt(attempt.job)
    # What the first attempt sent takes effect only now.
    attempt.release()
    check_run(attempt)


@each_phase()
@pytest.mark.parametrize("late", [False, True], ids=["", "its request arrives late"])
def test_after_kill_the_next_attempt_completes_the_run(attempt: HeldAttempt, *, late: bool) -> None:
    attempt.process.kill()
    assert attempt.process.wait(TIMEOUT) == -signal.SIGKILL
    if not late:
        attempt.release()
    run_next_attempt(attempt.job)
    attempt.release()
    check_run(attempt)
    # No process is left that could delete the parts of an upload.
    assert count_unfinished_uploads(attempt.job) <= bool(attempt.phase.large)


@each_phase()
def test_kill_while_term_is_handled(attempt: HeldAttempt, gate: HeldS3) -> None:
    handling = RequestHold(pattern=r"PUT .*error\.json", moment=Moment.BEFORE)
    gate.holds.append(handling)
    attempt.process.terminate()
    until(lambda: handling.is_reached() or attempt.process.poll() is not None)
    assert handling.is_reached() == bool(attempt.phase.error)
    attempt.process.kill()
    attempt.process.wait(TIMEOUT)
    run_next_attempt(attempt.job)
    attempt.release()
    handling.release_and_wait()
    check_run(attempt)


def run_next_attempt(job: HeldJob) -> None:
    """Run the second attempt to its end; it leaves no file behind."""
    process = job.start(2, KEYS)
    assert process.wait(TIMEOUT) == 0, job.log(2)
    assert list(job.temporary(2).iterdir()) == []


def check_record_of_terminated_attempt(attempt: HeldAttempt) -> None:
    error = attempt.job.record("error")
    assert error.get("kind", "") == attempt.phase.error
    if attempt.phase.error:
        assert error["owner"] == {
            "attempt": 1, "job": "job-1", "request": "request", "site": "batch",
        }  # fmt: skip


def check_run(attempt: HeldAttempt) -> None:
    """Check that there is one set of outputs, that ``done`` lists it, and that all is whole."""
    job = attempt.job
    expected = {"copy": BODY}
    expected |= {f"small-{number}": b"%d\n" % number for number in range(SMALL_FILES)}
    if attempt.phase.large:
        expected["large"] = bytes(attempt.phase.large)
    assert job.writes("out") == dict.fromkeys(expected, 1)
    for name, body in expected.items():
        assert job.download(f"out/{name}") == body
    assert job.writes(f"runs/{job.name}/{DATE}/run")["done.json"] == 1
    done = job.record("done")
    assert done["state"] == "done"
    outputs = done["outputs"]
    assert isinstance(outputs, list)
    assert sorted(output["key"] for output in outputs) == sorted(f"out/{n}" for n in expected)
    assert all(output["size"] == len(expected[output["key"][4:]]) for output in outputs)


def check_no_process_is_left(job: HeldJob) -> None:
    pid = job.folder.parent / "script.pid"
    if pid.exists():
        assert not Path("/proc", pid.read_text().strip()).exists()


def count_unfinished_uploads(job: HeldJob) -> int:
    s3 = boto3.client(
        "s3",
        endpoint_url=job.gate.environ["AWS_ENDPOINT_URL_S3"],
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret_key(ACCESS_KEY),
    )
    try:
        return len(s3.list_multipart_uploads(Bucket=job.bucket).get("Uploads", ()))
    finally:
        s3.close()

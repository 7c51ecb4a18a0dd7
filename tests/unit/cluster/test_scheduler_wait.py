"""Waiting for a scheduler in a job: its record, its job's state and its port."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.cluster import scheduler_wait
from scar.cluster.scheduler_wait import is_listening, wait_for_scheduler
from scar.cluster.staging import ClusterStage
from scar.errors import ScarError, WaitTimeoutError
from supervisor.invocation import RunOwner
from supervisor.model import ComputeService
from supervisor.runs.cluster_record import FAILED, SCHEDULER, MemberRecord
from tests.unit.cluster.cluster_fakes import BUCKET, PATH, RecordingBatch, StageS3, new_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ADDRESS = "tls://127.0.0.1:8786"
RECORD = MemberRecord(
    kind=SCHEDULER,
    owner=RunOwner(site=ComputeService.BATCH, request="", job="j-1"),
    address=ADDRESS,
)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address_of(server: socket.socket) -> str:
    return f"tls://127.0.0.1:{server.getsockname()[1]}"


def wait(s3: StageS3, is_ready: Callable[[str], bool], timeout: float = 60.0) -> str:
    batch = RecordingBatch(jobs={"j-1": {"status": "RUNNING"}})
    stage = ClusterStage(s3=s3, bucket=BUCKET, path=PATH)  # type: ignore[arg-type]
    return wait_for_scheduler(stage, new_jobs(batch), "j-1", timeout, is_ready=is_ready)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> StageS3:
    monkeypatch.setattr(scheduler_wait, "FIRST_PAUSE", 0.001)
    return StageS3({PATH.member_key(SCHEDULER): RECORD.encode()})


def test_a_port_listens_until_it_is_closed(listener: socket.socket) -> None:
    address = address_of(listener)
    assert is_listening(address)
    listener.close()
    assert not is_listening(address)


def test_the_address_is_returned_when_the_scheduler_listens(s3: StageS3) -> None:
    answers = [True, False, False]
    assert wait(s3, lambda _: answers.pop()) == ADDRESS
    assert answers == []


def test_a_scheduler_that_ends_before_it_listens_is_the_error(s3: StageS3) -> None:
    ended = replace(RECORD, state=FAILED, problem="No dask.", remedy="Install it.")

    def end(_: str) -> bool:
        s3.objects[PATH.member_key(SCHEDULER)] = ended.encode()
        return False

    with pytest.raises(ScarError, match=r"The scheduler has ended: No dask\.") as caught:
        wait(s3, end)
    assert caught.value.remedy == "Install it."


def test_a_scheduler_that_never_listens_is_named_with_its_address(s3: StageS3) -> None:
    with pytest.raises(WaitTimeoutError, match=ADDRESS) as caught:
        wait(s3, lambda _: False, timeout=0.01)
    assert "security group" in caught.value.remedy

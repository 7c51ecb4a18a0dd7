"""Arrays whose submitter was killed between SubmitJob and its record are found by their name."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from scar.errors import ScarError
from scar.runs.arrays.array_reader import read_arrays
from scar.runs.arrays.array_recovery import BATCH_MEMORY, LOOKUP_PAUSES, MAX_LOOKUPS
from scar.runs.arrays.array_search import find_array
from scar.runs.arrays.array_store import ArrayJob, ArrayStore
from scar.runs.arrays.submission import ArrayRequest, ArraySubmitter
from scar.runs.ledger import RunLedger
from scar.runs.states import RunState
from scar.runs.status import StatusQuery, collect_status
from supervisor.batch.array_manifest import MANIFEST, NOT_SUBMITTED
from supervisor.job_model import BatchTarget
from tests.fakes.s3_listing_client import NOW, ListedS3
from tests.fakes.supervisor_factory import notification

EVENTS = [json.dumps(notification(f"in/{n}")) for n in range(5)]
JOB = "4ae4c1a4-0000-4000-8000-000000000000"


class KilledError(BaseException):
    """The process ends."""


class KilledStore(ArrayStore):
    def write_job(self, array: ArrayJob) -> None:
        raise KilledError


@dataclass
class Batch:
    """Accepts arrays; ListJobs has them after ``hidden`` requests."""

    jobs: dict[str, str] = field(default_factory=dict)
    hidden: int = 0
    lookups: list[str] = field(default_factory=list)
    error: ClientError | None = None

    def submit_job(self, **parameters: Any) -> dict[str, str]:  # noqa: ANN401 as boto3 has it
        if self.error is not None:
            raise self.error
        self.jobs[parameters["jobName"]] = JOB
        return {"jobId": JOB}

    def list_jobs(self, *, jobQueue: str, filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert jobQueue == "scar-1"
        ((name,),) = [one["values"] for one in filters if one["name"] == "JOB_NAME"]
        self.lookups.append(name)
        if self.error is not None:
            raise self.error
        known = name in self.jobs and len(self.lookups) > self.hidden
        return {"jobSummaryList": [{"jobId": self.jobs[name]}] if known else []}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        return {
            "jobs": [
                {"jobId": job, "status": "PENDING", "arrayProperties": {"size": 5}} for job in jobs
            ]
        }


def submit(
    s3: ListedS3, batch: Batch, store: type[ArrayStore] = ArrayStore, *, is_retry: bool = False
) -> None:
    submitter = ArraySubmitter(
        store(cast("Any", s3), "state"), cast("Any", batch), lambda _: None, lambda: NOW
    )
    request = ArrayRequest(
        function="fn",
        target=BatchTarget(queue="scar-1", definition="fn"),
        source="data/in",
        principal="arn:me",
        is_retry=is_retry,
    )
    list(submitter.submit(EVENTS, request))


def killed(*, is_retry: bool = False, **batch: Any) -> tuple[ListedS3, Batch]:  # noqa: ANN401
    s3, jobs = ListedS3(), Batch(**batch)
    with pytest.raises(KilledError):
        submit(s3, jobs, KilledStore, is_retry=is_retry)
    return s3, jobs


def read(s3: ListedS3, batch: Batch, **options: Any) -> list[ArrayJob]:  # noqa: ANN401
    ledger = RunLedger(cast("Any", s3), "state")
    reading = read_arrays(ledger, cast("Any", batch), ["fn"], **options)
    return [status.array for status in reading.of("fn")]


@pytest.mark.parametrize("is_retry", [False, True])
def test_an_array_that_was_not_recorded_is_found_and_recorded_as_its_submitter_would(
    is_retry: bool,
) -> None:
    s3, batch = killed(is_retry=is_retry)
    (array,) = read(s3, batch)
    assert (array.job, array.count, array.is_retry) == (JOB, 5, is_retry)
    assert list(ArrayStore(cast("Any", s3), "state").list_arrays("fn")) == [array]
    assert len(batch.lookups) == 1
    read(s3, batch)
    assert len(batch.lookups) == 1  # it is recorded now


def test_its_children_are_counted_as_queued() -> None:
    s3, batch = killed()
    ledger = RunLedger(cast("Any", s3), "state")
    reading = read_arrays(ledger, cast("Any", batch), ["fn"])
    (status,) = collect_status(
        ledger, ["fn"], StatusQuery(jobs={"fn": {}}, arrays=reading)
    ).functions
    assert status.states[RunState.QUEUED] == 5


def test_it_can_be_named() -> None:
    s3, batch = killed()
    store = ArrayStore(cast("Any", s3), "state")
    assert find_array(store, JOB, ["fn"], cast("Any", batch))[0].job == JOB


def test_recorded_arrays_cost_no_search() -> None:
    s3, batch = ListedS3(), Batch()
    submit(s3, batch)
    s3.calls.clear()
    assert len(read(s3, batch)) == 1
    assert s3.calls == {"list": 1}
    assert batch.lookups == []


def test_a_submission_of_this_moment_is_waited_for_before_the_files_are_submitted_again() -> None:
    s3, batch = killed(hidden=2)
    pauses: list[float] = []
    assert len(read(s3, batch, sleep=pauses.append)) == 1
    assert pauses == list(LOOKUP_PAUSES[:2])


def test_a_refused_array_is_searched_for_by_nothing() -> None:
    s3, batch = ListedS3(), Batch()
    response: Any = {
        "Error": {"Code": "ClientException", "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    batch.error = ClientError(response, "SubmitJob")
    with pytest.raises(ScarError, match="submit the array job"):
        submit(s3, batch)
    assert any(key.endswith(NOT_SUBMITTED) for key in s3.objects)
    assert read(s3, batch, sleep=lambda _: None) == []
    assert batch.lookups == []


def age(s3: ListedS3, seconds: float) -> None:
    s3.now += seconds


def test_a_folder_without_a_job_is_searched_for_once_when_its_submission_must_have_ended() -> None:
    s3, batch = killed()
    batch.jobs.clear()
    assert read(s3, batch) == []
    age(s3, 3600)
    assert read(s3, batch) == []
    assert read(s3, batch) == []
    assert len(batch.lookups) == 2


def test_jobs_that_batch_has_deleted_are_not_searched_for() -> None:
    s3, batch = killed()
    age(s3, BATCH_MEMORY + 1)
    assert read(s3, batch) == []
    assert batch.lookups == []


def test_a_folder_without_its_manifest_has_no_job() -> None:
    s3, batch = killed()
    s3.objects = {key: value for key, value in s3.objects.items() if not key.endswith(MANIFEST)}
    assert read(s3, batch) == []
    assert batch.lookups == []


def test_the_number_of_searches_is_limited() -> None:
    s3, batch = ListedS3(), Batch()
    for _ in range(MAX_LOOKUPS + 5):
        with pytest.raises(KilledError):
            submit(s3, batch, KilledStore)
    batch.jobs.clear()
    assert read(s3, batch) == []
    assert len(batch.lookups) == MAX_LOOKUPS


def test_a_search_that_is_denied_hides_nothing_else() -> None:
    s3, batch = killed()
    submit(s3, batch)
    response: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    batch.error = ClientError(response, "ListJobs")
    assert len(read(s3, batch)) == 1


def test_who_cannot_write_records_sees_the_array_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3, batch = killed()

    def deny(**_: object) -> None:
        response: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
        raise ClientError(response, "PutObject")

    monkeypatch.setattr(s3, "put_object", deny)
    assert len(read(s3, batch)) == 1
    assert len(read(s3, batch)) == 1
    batch.jobs.clear()
    age(s3, 3600)
    assert read(s3, batch) == []

"""What the ledger reads in listings of the state bucket."""

from __future__ import annotations

from typing import Any

import pytest

from scar.aws.client.object_listing import ListingFormatError
from scar.runs.ledger import RunLedger
from tests.fakes.s3_listing_client import NOW, ListedS3

FOLDER = "runs/resize/2026-09-21"


def _ledger(s3: ListedS3) -> RunLedger:
    return RunLedger(s3, "state")  # type: ignore[arg-type]


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_a_run_has_the_records_of_its_folder_on_any_pages(page: int) -> None:
    s3 = ListedS3(page=page)
    for number, key in enumerate(
        (
            f"{FOLDER}/a/claim.json",
            f"{FOLDER}/a/deeper/note.json",  # sorted between the run's own
            f"{FOLDER}/a/done.json",
            f"{FOLDER}/a/trace.txt",
            f"{FOLDER}/b/claim.json",
            f"{FOLDER}/empty/",
            f"{FOLDER}/note.json",
        )
    ):
        s3.put(key, age=100.0 - number)
    first, second = _ledger(s3).list_runs("resize")
    assert str(first.path) == "resize/2026-09-21/a"
    assert first.record_times == {"claim": NOW - 100, "done": NOW - 98}
    assert first.etags.keys() == {"claim", "done"}
    assert str(second.path) == "resize/2026-09-21/b"
    assert second.record_times == {"claim": NOW - 96}


@pytest.mark.parametrize("page", [1, 2, 3, 5, 1000])
def test_the_runs_of_many_days_are_listed_in_order(page: int) -> None:
    s3 = ListedS3(page=page)
    for day in range(1, 10):
        for run in ("a", "b"):
            s3.put(f"runs/resize/2026-09-0{day}/{run}/claim.json", age=100.0)
            s3.put(f"runs/resize/2026-09-0{day}/{run}/done.json", age=50.0)
    s3.put("runs/resize/arrays/4711/manifest.json", age=1.0)
    runs = list(_ledger(s3).list_runs("resize"))
    assert [str(run.path) for run in runs if run.path.date != "arrays"] == [
        f"resize/2026-09-0{day}/{run}" for day in range(1, 10) for run in ("a", "b")
    ]
    assert all(run.record_times.keys() == {"claim", "done"} for run in runs if run.etags)


def test_a_function_with_few_runs_costs_one_request() -> None:
    s3 = ListedS3()
    for day in range(1, 10):
        s3.put(f"runs/resize/2026-09-0{day}/a/claim.json", age=100.0)
    assert len(list(_ledger(s3).list_runs("resize"))) == 9
    assert s3.calls["list"] == 1


def test_a_truncated_listing_without_a_token_is_an_error() -> None:
    class _TruncatedS3(ListedS3):
        def list_objects_v2(self, **params: Any) -> dict[str, Any]:  # noqa: ANN401 as boto3 has it
            return super().list_objects_v2(**params) | {"IsTruncated": True}

    s3 = _TruncatedS3()
    s3.put(f"{FOLDER}/a/claim.json", age=1.0)
    with pytest.raises(ListingFormatError, match="bucket state cannot be read"):
        list(_ledger(s3).list_runs("resize"))

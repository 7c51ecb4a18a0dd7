"""The objects of clusters are below a function's runs, and no reader of runs sees them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, cast

import pytest

from scar.runs.ledger import RunLedger
from supervisor.runs.cluster_record import ClusterPath
from tests.fakes.s3_listing_client import ListedS3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PATH = ClusterPath(function="grid", cluster="night")


@pytest.fixture
def s3() -> ListedS3:
    s3 = ListedS3()
    s3.put("runs/grid/2026-09-01/r1/claim.json", 100)
    s3.put("runs/grid/2026-09-01/r1/done.json", 50)
    s3.put(PATH.spec_key, 100)
    for number in range(50):
        s3.put(PATH.member_key(f"worker-{number}-abcdef"), 100)
    s3.put(PATH.member_key("scheduler"), 100)
    return s3


@pytest.mark.parametrize("since", [None, date(2026, 8, 1)])
def test_members_are_not_listed_as_runs(s3: ListedS3, since: date | None) -> None:
    ledger = RunLedger(cast("S3Client", s3), "state")
    assert [run.path.run_id for run in ledger.list_runs("grid", since)] == ["r1"]
    assert list(ledger.list_runs_with_id("grid", "worker")) == []
    assert list(ledger.list_runs_with_id("grid", "night")) == []


def test_clusters_are_no_day(s3: ListedS3) -> None:
    ledger = RunLedger(cast("S3Client", s3), "state")
    assert ledger.list_days("grid") == ("2026-09-01",)
    assert ledger.list_days("grid", date(2026, 9, 2)) == ()

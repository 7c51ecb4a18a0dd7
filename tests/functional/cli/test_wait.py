"""``scar wait`` does not end before the functions that the last outputs start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.cli.main import run
from scar.runs.invoke import InputObject
from scar.runs.lookup import input_id_prefix
from supervisor.runs import record_format
from tests.fakes.services import function_summary
from tests.functional.cli.conftest import MotoServices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary, InputFolder

STATE = "scar-123456789012-us-east-1"
LONG_AGO = datetime(2026, 9, 21, tzinfo=UTC)


@dataclass(frozen=True)
class GrowingFolder(MotoServices):
    """Has ``gray``, whose folder has one file more each time it is listed, up to ``keys``."""

    keys: Sequence[str] = ()
    listings: list[str] = field(default_factory=list)

    def list_functions(self, connection: AwsConnection) -> Sequence[FunctionSummary]:
        return (function_summary(),)

    def list_input_objects(
        self, connection: AwsConnection, folder: InputFolder
    ) -> Iterator[InputObject]:
        self.listings.append(folder.path)
        for key in self.keys[: len(self.listings)]:
            yield InputObject(bucket="photos", key=key, size=1, etag="1", modified=LONG_AGO)


def end_run_on(key: str) -> None:
    """Record a run of ``gray`` that is done."""
    run_id = f"{input_id_prefix('gray', 'photos', key)}{1:016x}"
    owner = {"site": "lambda", "request": "r", "job": "", "attempt": 1}
    for name, record in {"claim": {"owner": owner}, "done": {"owner": owner}}.items():
        boto3.client("s3", region_name="us-east-1").put_object(
            Bucket=STATE,
            Key=f"runs/gray/2026-09-21/{run_id}/{name}.json",
            Body=record_format.encode(record),
        )


def test_an_output_that_appears_while_the_runs_are_read_is_waited_for(
    services: MotoServices, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=STATE)
    end_run_on("in/first")
    growing = GrowingFolder(services.environment, keys=("in/first", "in/second"))
    assert run(["wait", "-n", "gray", "--timeout", "0"], growing) == 6
    assert "Timed out after 0 s: 1 waiting, 1 done" in capsys.readouterr().err


@pytest.mark.parametrize("keys", [("in/first",), ()], ids=["one file", "no file"])
def test_waiting_ends_when_the_folder_is_as_it_was(
    keys: Sequence[str], services: MotoServices, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=STATE)
    end_run_on("in/first")
    growing = GrowingFolder(services.environment, keys=keys)
    assert run(["wait", "-n", "gray", "--timeout", "0"], growing) == 0
    assert "1 done" in capsys.readouterr().err
    assert len(growing.listings) == 2

"""An array to its end in the local cloud: 150 files, or 1,000 with SCAR_PROOF=1 (minutes)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import STATE, a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.functional.local_cloud.jobs.test_arrays import counts, scar, submit, upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

FILES = 1_000 if os.environ.get("SCAR_PROOF") else 150
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", function("many", execution_mode="batch", batch=IN_BATCH))


def test_each_file_of_an_array_is_one_run_of_one_job(cloud: LocalCloudProcess) -> None:
    upload(cloud, "archive/many", [f'echo {n} >"$TMP_OUTPUT_DIR/{n}"' for n in range(FILES)])
    array = submit(cloud, "many", "archive/many")
    assert array["children"] == FILES
    scar(cloud, "wait", array["array"], "--timeout", "3000")
    found = counts(cloud, "many")
    assert (found["done"], found["failed"], found["lost"]) == (FILES, 0, 0)
    assert len(cloud.keys("out/many/")) == FILES
    assert len(cloud.keys("runs/many/2", STATE)) == 3 * FILES
    assert len(cloud.jobs("many")) == 1

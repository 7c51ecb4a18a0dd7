"""A rule of another tool whose target is gone: named, and no obstacle if the user says so."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scar.errors import OperationRefusedError
from tests.fakes.local_cloud import BUCKET, ROOT, a_local_cloud, environment, function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

OPTION = "--skip-destination-validation"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", function("gone"))


def scar(cloud: LocalCloudProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scar", "--local", *arguments],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_init_and_rm_name_the_rule_and_can_do_without_the_validation(
    cloud: LocalCloudProcess,
) -> None:
    cloud.client("lambda").delete_function(FunctionName="gone")  # by hand: its rule stays
    with pytest.raises(OperationRefusedError) as caught:
        cloud.deploy(function("after"))
    assert ":function:gone" in caught.value.problem
    assert "Unable to validate the following destination configurations" in caught.value.problem
    assert OPTION in caught.value.remedy

    file = cloud.write([function("after")])
    done = scar(cloud, "init", "-f", str(file), OPTION)
    assert done.returncode == 0, done.stderr
    cloud.put("after", 'echo >"$TMP_OUTPUT_DIR/well"')
    until(lambda: cloud.keys("out/after/"))

    refused = scar(cloud, "rm", "-n", "after")
    assert refused.returncode == 5
    assert ":function:gone" in refused.stderr
    assert OPTION in refused.stderr
    done = scar(cloud, "rm", "-n", "after", OPTION)
    assert done.returncode == 0, done.stderr
    (rule,) = cloud.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)[
        "LambdaFunctionConfigurations"
    ]
    assert rule["LambdaFunctionArn"].endswith(":function:gone")

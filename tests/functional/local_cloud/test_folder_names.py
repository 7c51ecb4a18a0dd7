"""Every folder name that the FDL accepts starts its function, and no other folder does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import BUCKET, a_local_cloud, function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

# Each with a folder that an encoding too few or too many would confuse with it.
FOLDERS = {
    "my photos/año=2021+x": "my+photos/a%C3%B1o%3D2021%2Bx",
    "year=2024": "year%3D2024",
    "My Results": "My%20Results",
    "a&b": "a%26b",
    "a%20b": "a b",
    "100%": "100%25",
    "#1": "%231",
    "😀": "%F0%9F%98%80",
    "quotes'\"": "quotes'%22",
    "a..b": "a%2E%2Eb",
    "st*r": "star",
    "wh?t": "what",
    "${*}": "x",
    "~": "%7E",
}


# In an FDL file, "$$" before a brace is a dollar sign.
INPUTS = [{"path": f"{BUCKET}/{folder.replace('$', '$$')}"} for folder in FOLDERS]


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", function("folders", input=INPUTS))


def test_each_folder_starts_the_function_and_its_look_alike_does_not(
    cloud: LocalCloudProcess,
) -> None:
    s3 = cloud.client("s3")
    for number, (folder, look_alike) in enumerate(FOLDERS.items()):
        for name, where in ((f"no{number}", look_alike), (f"yes{number}", folder)):
            body = f'echo {name} >"$TMP_OUTPUT_DIR/{name}"'.encode()
            s3.put_object(Bucket=BUCKET, Key=f"{where}/{name}", Body=body)
    expected = sorted(f"out/folders/yes{number}" for number in range(len(FOLDERS)))
    until(lambda: len(cloud.keys("out/folders/")) >= len(expected))
    # Events of one destination are delivered in order: those of the look-alikes came before.
    assert sorted(cloud.keys("out/folders/")) == expected


def test_a_second_init_changes_nothing(cloud: LocalCloudProcess) -> None:
    assert cloud.deploy(function("folders", input=INPUTS)).changes == ()


def test_init_repairs_the_raw_filters_of_an_older_release(cloud: LocalCloudProcess) -> None:
    s3 = cloud.client("s3")
    inputs = [{"path": f"{BUCKET}/older=1 +x"}]
    described = function("older", input=inputs)
    cloud.deploy(described)
    found = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    for rule in found["LambdaFunctionConfigurations"]:
        if rule["LambdaFunctionArn"].endswith(":older"):
            rule["Filter"]["Key"]["FilterRules"] = [{"Name": "prefix", "Value": "older=1 +x/"}]
    del found["ResponseMetadata"]
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=found)
    s3.put_object(Bucket=BUCKET, Key="older=1 +x/early", Body=b'echo >"$TMP_OUTPUT_DIR/early"')
    assert [change.resource.kind for change in cloud.deploy(described).changes] == ["notification"]
    s3.put_object(Bucket=BUCKET, Key="older=1 +x/late", Body=b'echo >"$TMP_OUTPUT_DIR/late"')
    until(lambda: cloud.keys("out/older/"))
    assert cloud.keys("out/older/") == ["out/older/late"]

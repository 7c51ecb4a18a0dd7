"""Every form of an FDL file that SCAR documents runs: all in one local cloud.

Three forms need what this one does not have, and are validated only
(tests/unit/fdl/scar_words/test_forms.py): an image of another processor, an image that is in ECR
already, and a file system.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.aws.deploy import deploy
from scar.fdl.loader import load_document
from tests.fakes.local_cloud import LocalCloudProcess, needs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.container

FORMS = Path(__file__).parents[2] / "fixtures" / "scar_forms"
NOT_HERE = {"arm64", "own_image", "file_system"}
# What a direct call prints: the functions with scripts/report.sh, and the image's own program.
REPORTS = {
    "form-init-script": "greeting= region=us-east-1\n",
    "form-variables": "greeting=hello region=us-east-1\n",
    "form-image-file": "greeting= region=us-east-1\n",
    "form-extra-payload": "greeting= region=us-east-1\n",
    "form-lambda-batch": "greeting= region=us-east-1\n",
    "form-endpoint": "greeting= region=us-east-1\n",
    "form-image-mode": "greeting= region=us-east-1\n",
    "form-services": "greeting= region=us-east-1\n",
}
# Uploads, and the objects that follow from them with their content.
FILES = {
    "form-files": ("form-files/input/note.txt", {"form-files/output/note.txt": "ONE\nTWO\n"}),
    "form-batch": ("form-batch/input/a.txt", {"form-batch/output/a.txt": "ONE\nTWO\n"}),
    "form-nodes": ("form-nodes/input/a.txt", {"form-nodes/output/a.txt": "ONE\nTWO\n"}),
    "form-after-oscar": (
        "form-oscar/between/a.txt",
        {"form-oscar/output/a.txt": "ONE\nTWO\n"},
    ),
    "form-split": (
        "form-chain/input/a.txt",
        {"form-chain/output/part-1.txt": "ONE\n", "form-chain/output/part-2.txt": "TWO\n"},
    ),
}


@pytest.fixture(scope="module")
def forms() -> Iterator[LocalCloudProcess]:
    needs("sandbox")
    cloud = LocalCloudProcess.start("sandbox")
    image = {"image": "", "image_file": str(cloud.folder / "image.tar")}
    try:
        documents = [
            load_document(path, {"lambda": {"container": image}})
            for path in sorted(FORMS.glob("*.yaml"))
            if path.stem not in NOT_HERE
        ]
        functions = [function for document in documents for function in functions_of(document)]
        deploy.init(functions, cloud.connection, lambda _: None, images=cloud.images())
        yield cloud
    finally:
        cloud.close()


@pytest.mark.parametrize("name", REPORTS)
def test_a_call_runs_the_function_s_script(forms: LocalCloudProcess, name: str) -> None:
    result = forms.invoke(name, {})
    assert not result.error, result.log
    assert result.output.startswith(REPORTS[name]), result.output


@pytest.mark.parametrize("name", ["form-smallest", "form-run-script"])
def test_a_script_may_go_with_a_call(forms: LocalCloudProcess, name: str) -> None:
    assert forms.invoke(name, "echo for this call").output == "for this call\n"


@pytest.mark.parametrize("name", FILES)
def test_an_upload_is_processed(forms: LocalCloudProcess, name: str) -> None:
    upload, expected = FILES[name]
    bucket, _, key = upload.partition("/")
    forms.client("s3").put_object(Bucket=bucket, Key=key, Body=b"one\ntwo\n")
    for path, content in expected.items():
        assert forms.read(path.partition("/")[2], bucket) == content

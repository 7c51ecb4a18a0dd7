"""``scar policy``: for a file or for all features, without a connection to AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path

IN_ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/base"


def test_a_policy_for_everything_sends_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({})
    assert run(["policy", "--all-features"], services) == 0
    documents = json.loads(capsys.readouterr().out)  # more than one policy can hold
    assert {document["Version"] for document in documents} == {"2012-10-17"}
    assert services.targets == []


def test_a_policy_for_a_file_names_its_functions_account_and_region(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda: {name: gray, container: {image: x}, region: cn-north-1}\n"
    )
    assert run(["policy", "-f", str(file), "--account", "123456789012"], FakeServices({})) == 0
    shown = capsys.readouterr().out
    assert "arn:aws-cn:lambda:cn-north-1:123456789012:function:gray" in shown


def test_a_policy_that_is_too_long_becomes_a_list_of_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = "".join(
        f"  - lambda: {{name: function-{n}, container: {{image: x}}}}\n" for n in range(30)
    )
    (tmp_path / "f.yaml").write_text(f"functions:\n  aws:\n{entries}")
    assert run(["policy", "-f", str(tmp_path / "f.yaml")], FakeServices({})) == 0
    shown = capsys.readouterr()
    documents = json.loads(shown.out)
    assert f"A list of {len(documents)} policies" in shown.err
    assert {document["Version"] for document in documents} == {"2012-10-17"}


@pytest.mark.parametrize(
    ("entry", "action"),
    [
        (
            """lambda: {name: gray, execution_mode: batch, container: {image: x}}
    batch: {compute_resources: {user_data: hosts.sh}}""",
            "ec2:CreateLaunchTemplate",
        ),
        (
            f"lambda: {{name: gray, container: {{create_image: false, image: {IN_ECR}}}}}",
            "repository/base",
        ),
    ],
)
def test_a_policy_is_for_all_that_the_file_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: str, action: str
) -> None:
    (tmp_path / "hosts.sh").write_text("#!/bin/sh\necho 1\n")
    (tmp_path / "f.yaml").write_text(f"functions:\n  aws:\n  - {entry}\n")
    assert run(["policy", "-f", str(tmp_path / "f.yaml")], FakeServices({})) == 0
    assert action in capsys.readouterr().out


def test_functions_of_ready_made_images_are_removed_by_their_file(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        "functions:\n  aws:\n  - lambda:"
        f" {{name: gray, container: {{create_image: false, image: {IN_ECR}}}}}\n"
    )
    services = FakeServices({})
    assert run(["rm", "-f", str(tmp_path / "f.yaml")], services) == 0
    assert services.removed == [("gray",)]

"""The SDK's session finds service models, its own and the user's, in few system calls."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path

import boto3
import pytest
from botocore import BOTOCORE_ROOT
from botocore.exceptions import DataNotFoundError, ProfileNotFound
from botocore.session import Session

from scar.aws.client import sdk


def test_a_client_looks_into_the_folders_of_its_service_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []
    list_folder = os.listdir

    def note(path: str) -> list[str]:
        looked.append(path)
        return list_folder(path)

    session = boto3.Session("a", "b", region_name="eu-west-1", botocore_session=sdk.new_session())
    monkeypatch.setattr(os, "listdir", note)
    assert session.client("batch").can_paginate("describe_job_queues")
    assert len(looked) < 10
    session.client("logs")
    assert len([path for path in looked if path.endswith("data")]) < 4  # read once


def test_models_of_the_user_s_own_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = {"metadata": {"serviceId": "Photos"}, "operations": {}, "shapes": {}}
    folder = tmp_path / "photos" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", f"/nowhere:{tmp_path}")
    assert sdk.new_session().get_service_data("photos")["metadata"]["serviceId"] == "Photos"


@pytest.mark.parametrize("service", ["s3", "iam"])
def test_tables_are_botocore_s_own_in_their_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: str
) -> None:
    # Under another name, because all tests share botocore's own models.
    (tmp_path / "data").symlink_to(Path(BOTOCORE_ROOT) / "data")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / "data"))
    ours, botocores = (
        session.get_service_data(service) for session in (sdk.new_session(), Session())
    )
    assert type(botocores["shapes"]) is OrderedDict
    assert type(ours["shapes"]) is dict  # not ordered ones, which take twice as long to make
    assert json.dumps(ours) == json.dumps(botocores)


def test_an_unknown_service_is_an_error() -> None:
    with pytest.raises(DataNotFoundError):
        sdk.new_session().get_service_data("photos")
    with pytest.raises(ProfileNotFound):
        sdk.new_session(profile="unknown")


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ({}, "eu-west-3"),
    ],
)
def test_the_region_is_that_of_either_variable_or_of_the_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], region: str
) -> None:
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session(botocore_session=sdk.new_session(profile="mine"))
    assert session.region_name == region

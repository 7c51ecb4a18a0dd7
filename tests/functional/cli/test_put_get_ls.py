"""``scar put``, ``scar get`` and ``scar ls`` of objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from scar.aws.client.connection import AwsConnection
from scar.aws.inventory.functions import InputFolder
from scar.cli.main import run
from scar.cli.services import Services
from scar.cli.target import ConnectionTarget

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path, services: Services) -> Path:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="photos")
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b.txt").write_text("aa")
    (folder / "sub" / "ü.txt").write_text("b")
    return folder


def test_files_go_there_and_back(
    services: Services, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "-b", "photos/in", "-p", str(data)], services) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "moto\nUploaded 2 files, 3 B to s3://photos/in\n"
    assert run(["ls", "-b", "photos/in"], services) == 0
    shown = capsys.readouterr()
    assert [line.rpartition("  ")[2] for line in shown.out.splitlines()] == [
        "in/a b.txt",
        "in/sub/ü.txt",
    ]
    assert shown.err == "moto\n2 objects, 3 B in photos/in\n"
    assert run(["get", "-b", "photos/in", "-p", str(tmp_path / "back")], services) == 0
    assert (tmp_path / "back" / "sub" / "ü.txt").read_text() == "b"


def test_the_files_that_a_shell_makes_of_a_pattern_are_uploaded(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [data / f"{name}.jpg" for name in "abc"]
    for path in paths:
        path.write_text("x")
    assert run(["put", "-b", "photos/in", "-p", *map(str, paths)], services) == 0
    assert "Uploaded 3 files" in capsys.readouterr().err


def test_only_the_files_that_start_a_function_are_its_inputs(
    services: Services, data: Path
) -> None:
    (data / "sub" / "a.jpg").write_text("x")
    run(["put", "-b", "photos/in", "-p", str(data)], services)
    connection = services.connect(ConnectionTarget())
    found = services.list_input_objects(connection, InputFolder("photos/in", ".jpg"))
    assert [one.key for one in found] == ["in/sub/a.jpg"]
    assert len(list(services.list_input_objects(connection, InputFolder("photos/in")))) == 3


def test_objects_as_json(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "-j", "-b", "photos", "-p", str(data / "a b.txt")], services) == 0
    assert json.loads(capsys.readouterr().out) == {"files": 1, "bytes": 2}
    assert run(["ls", "-j", "-b", "photos"], services) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["key"], found["size"]) == ("a b.txt", 2)


def test_an_empty_list_is_json_too(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", "-j", "-b", "photos/none"], services) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_missing_bucket_points_to_init(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["put", "-b", "nowhere/in", "-p", str(data)],
        ["get", "-b", "nowhere/in", "-p", str(data)],
        ["ls", "-b", "nowhere"],
    ):
        assert run(arguments, services) == 1
        shown = capsys.readouterr()
        assert "The bucket nowhere does not exist." in shown.err
        assert "scar init" in shown.err
        assert shown.out == ""


@dataclass(frozen=True)
class OtherAccountServices(Services):
    """Connects to moto, where account 999999999999 owns every bucket and allows all access."""

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        session.events.register("before-call.s3", self.expect)  # type: ignore[arg-type]
        return AwsConnection(session=session, description="moto")

    @staticmethod
    def expect(params: dict[str, Any], **_: object) -> tuple[object, dict[str, object]] | None:
        """Answer as S3 does to another owner; moto does not look."""
        owner = params["headers"].get("x-amz-expected-bucket-owner", "999999999999")
        if owner == "999999999999":
            return None
        error = {"Code": "403" if params["method"] == "HEAD" else "AccessDenied", "Message": ""}
        rejection = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return AWSResponse("", 403, HTTPHeaders(), None), rejection


@pytest.mark.parametrize("command", ["put", "get", "ls"])
def test_a_bucket_of_another_account_must_be_named_as_such(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    others = OtherAccountServices({})
    asked = {
        "put": ["-b", "photos/in", "-p", str(data)],
        "get": ["-b", "photos", "-p", str(data)],
        "ls": ["-b", "photos"],
    }
    s3 = boto3.client("s3", region_name="us-east-1")
    if command != "put":
        s3.put_object(Bucket="photos", Key="there", Body=b"x")
    assert run([command, *asked[command]], others) == 1
    shown = capsys.readouterr()
    assert "The bucket photos belongs to another account." in shown.err
    assert "--expected-bucket-owner" in shown.err
    if command == "put":
        assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 0
    named = [command, "--expected-bucket-owner", "999999999999", *asked[command]]
    assert run(named, others) == 0
    assert run([command, "--expected-bucket-owner", "999", *asked[command]], others) == 2


def test_a_denied_upload_tells_of_owners_too(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who may only write to a bucket cannot ask whose it is."""

    class Closed(OtherAccountServices):
        @staticmethod
        def expect(params: dict[str, Any], **_: object) -> tuple[object, dict[str, object]] | None:
            headers = {"x-amz-expected-bucket-owner": "1"}
            return OtherAccountServices.expect({**params, "headers": headers})

    assert run(["put", "-b", "photos", "-p", str(data)], Closed({})) == 5
    shown = capsys.readouterr()
    assert "Allow PutObject on" in shown.err
    assert "If the bucket belongs to another account" in shown.err

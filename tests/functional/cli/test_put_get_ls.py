"""``scar put``, ``scar get`` and ``scar ls`` of objects."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from scar.aws.client.connection import AwsConnection
from scar.aws.client.target import ConnectionTarget
from scar.aws.inventory.functions import InputFolder
from scar.cli.main import run
from scar.cli.services import Services
from scar.errors import OperationRefusedError
from tests.fakes.services import function_summary
from tests.functional.cli.conftest import connect_to_moto
from tests.functional.transfer.faulty_client import FaultyClient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.aws.client.direct.object_client import ObjectCall, ObjectClient
    from scar.aws.inventory.functions import FunctionSummary


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
    assert shown.err == (
        "moto\nUploaded 2 files, 3 B to s3://photos/in\n"
        "No function starts: none reads bucket photos.\n"
    )
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
        return connect_to_moto(self, OtherAccount)


class OtherAccount(AwsConnection):
    """A connection whose client of S3 is answered as to another owner; moto does not look."""

    owner = "999999999999"
    is_closed = False

    def object_client(self, owner: str = "") -> ObjectClient:
        client = FaultyClient(super().object_client(owner), self.client("s3"))

        def check(call: ObjectCall) -> None:
            expected = (owner or self.account.id) if call.checks_owner else self.owner
            if expected != self.owner or self.is_closed:
                code = "403" if call.method == "HEAD" else "AccessDenied"
                details = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {}}
                raise ClientError(details, call.name)  # type: ignore[arg-type]

        client.before_call.append(check)
        return client


@pytest.mark.parametrize("command", ["put", "get", "ls"])
def test_a_bucket_of_another_account_must_be_named_as_such(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    others = OtherAccountServices(services.environment)
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

    class ClosedBucket(OtherAccount):
        is_closed = True

    class Closed(OtherAccountServices):
        def connect(self, target: ConnectionTarget) -> AwsConnection:
            return connect_to_moto(self, ClosedBucket)

    assert run(["put", "-b", "photos", "-p", str(data)], Closed(services.environment)) == 5
    shown = capsys.readouterr()
    assert "Allow PutObject on" in shown.err
    assert "If the bucket belongs to another account" in shown.err


def test_paths_need_no_option(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "-b", "photos/in", str(data / "a b.txt")], services) == 0
    assert run(["put", "-b", "photos/in", str(data / "a b.txt"), "-p", str(data)], services) == 0
    shown = capsys.readouterr().err
    assert f"{data / 'a b.txt'} is the same file as" not in shown
    assert f"{data / 'a b.txt'} is named twice: it is uploaded once.\n" in shown
    assert "Uploaded 2 files, 3 B" in shown
    assert run(["put", "-b", "photos/in"], services) == 2
    assert "Missing option: -p PATH or PATH..." in capsys.readouterr().err


def test_problems_are_listed_and_the_rest_is_done(
    services: Services, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(13):
        (data / f"gone\x1b{number:02}").symlink_to("nowhere")
    assert run(["put", "-b", "photos/in", "-p", str(data)], services) == 1
    shown = capsys.readouterr().err
    assert "Uploaded 2 files, 3 B to s3://photos/in\n" in shown
    assert "Error: 13 files were not uploaded, or not as found:\n" in shown
    assert "gone\\x1b09: it is a symbolic link whose target does not exist\n" in shown
    assert "gone\\x1b10" not in shown
    assert "\x1b" not in shown
    assert "  and 3 more (-j lists all)\n" in shown
    assert run(["put", "-j", "-b", "photos/in", "-p", str(data)], services) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["files"], document["bytes"], len(document["failed"])) == (2, 3, 13)
    assert document["failed"][0] == {
        "name": str(data / "gone\x1b00"),
        "reason": "it is a symbolic link whose target does not exist",
    }


def test_conflicting_keys_do_not_end_a_download(
    services: Services, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    long = f"r/{'z' * 300}"
    for key in ("r/sample", "r/sample/summary.txt", long, "r/zz.txt"):
        s3.put_object(Bucket="photos", Key=key, Body=b"1")
    assert run(["get", "-j", "-b", "photos/r", "-p", str(tmp_path / "out")], services) == 1
    shown = capsys.readouterr()
    assert "Error: 2 files were not downloaded" in shown.err
    document = json.loads(shown.out)
    assert document["files"] == 2
    assert [failed["name"] for failed in document["failed"]] == ["r/sample/summary.txt", long]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["sample", "zz.txt"]


def test_two_slashes_are_said(
    services: Services, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "-b", "photos//x", str(data / "a b.txt")], services) == 0
    assert "The keys begin with '/x/', as written" in capsys.readouterr().err
    assert run(["get", "-b", "photos//x/a b.txt", "-p", str(tmp_path / "f")], services) == 0
    assert (tmp_path / "f").read_text() == "aa"


def test_folder_markers_are_not_counted_as_objects(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    for key, body in (("in/", b""), ("in/a", b"a"), ("in/b/", b"bb")):
        s3.put_object(Bucket="photos", Key=key, Body=body)
    assert run(["ls", "-b", "photos"], services) == 0
    assert "2 objects and 1 folder marker, 3 B in photos\n" in capsys.readouterr().err
    connection = services.connect(ConnectionTarget())
    listed = services.list_input_objects(connection, InputFolder("photos/in"))
    assert [one.key for one in listed] == ["in/a", "in/b/"]


class InterruptedAt3(AwsConnection):
    """A connection to S3 at whose third object the user presses Ctrl-C."""

    at = 3

    def object_client(self, owner: str = "") -> ObjectClient:
        client = FaultyClient(super().object_client(owner), self.client("s3"))
        objects = itertools.count(1)

        def interrupt(call: ObjectCall) -> None:
            if call.name in ("PutObject", "GetObject") and next(objects) == self.at:
                raise KeyboardInterrupt

        client.before_call.append(interrupt)
        return client


class InterruptedAt1(InterruptedAt3):
    """A connection to S3 at whose first object the user presses Ctrl-C."""

    at = 1


@dataclass(frozen=True)
class InterruptedServices(Services):
    """Connects to moto; the user presses Ctrl-C."""

    connection_type: type[AwsConnection] = InterruptedAt3

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        return connect_to_moto(self, self.connection_type)


@pytest.mark.parametrize("command", ["put", "get"])
def test_an_interruption_says_what_is_there(
    services: Services,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scar.transfer.put.WORKERS", 1)
    monkeypatch.setattr("scar.transfer.get.WORKERS", 1)
    (data / "z").write_text("z")
    s3 = boto3.client("s3", region_name="us-east-1")
    for number in range(3):
        s3.put_object(Bucket="photos", Key=f"out/{number}", Body=b"x")
    folder = {"put": ["-b", "photos/in"], "get": ["-b", "photos/out"]}[command]
    assert (
        run([command, *folder, "-p", str(data)], InterruptedServices(services.environment)) == 130
    )
    shown = capsys.readouterr().err
    expected = {
        "put": "Interrupted: 2 of 3 files are in s3://photos/in. The same command uploads all files"
        " again, also those that are there: each starts its function again.\n",
        "get": f"Interrupted: 2 files are in {data}. Each of them is complete. The same command"
        " downloads all again.\n",
    }
    assert shown == f"moto\n{expected[command]}"


@pytest.mark.parametrize(("command", "done"), [("put", "uploaded"), ("get", "downloaded")])
def test_an_interruption_before_the_first_file_is_one_line(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str], command: str, done: str
) -> None:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="photos", Key="in/x", Body=b"x")
    path = data if command == "get" else data / "a b.txt"
    arguments = [command, "-b", "photos/in", "-p", str(path)]
    interrupted = InterruptedServices(services.environment, InterruptedAt1)
    assert run(arguments, interrupted) == 130
    assert capsys.readouterr().err == f"moto\nInterrupted: nothing was {done}.\n"


def test_long_names_are_cut_for_people_and_whole_in_json(
    services: Services, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    keys = [f"r/{'z' * 300}", f"r/sub/{'é' * 299}\x1b"]
    for key in keys:
        s3.put_object(Bucket="photos", Key=key, Body=b"1")
    arguments = ["get", "-b", "photos/r", "-p", str(tmp_path / "out")]
    assert run(arguments, services) == 1
    shown = capsys.readouterr().err
    assert max(map(len, shown.splitlines())) < 200 + 2 * len(str(tmp_path))
    assert shown.count("z" * 39) == 4
    assert "z" * 41 not in shown
    assert "\x1b" not in shown
    assert "All others were" not in shown
    assert run([*arguments, "-j"], services) == 1
    failed = json.loads(capsys.readouterr().out)["failed"]
    assert [one["name"] for one in failed] == sorted(keys)
    assert all(one["name"].removeprefix("r/") in one["reason"] for one in failed)


def test_others_are_mentioned_if_there_are_some(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "link").symlink_to("nowhere")
    arguments = ["put", "-b", "photos/in", str(data / "link")]
    assert run(arguments, services) == 1
    assert "All others were" not in capsys.readouterr().err
    assert run([*arguments, str(data / "a b.txt")], services) == 1
    assert "All others were" in capsys.readouterr().err


def test_a_wrong_path_does_not_prevent_the_others(
    services: Services, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    wrong = [str(tmp_path / "nope"), str(tmp_path / "empty")]
    assert run(["put", "-b", "photos/in", "-p", *wrong, str(data)], services) == 1
    shown = capsys.readouterr().err
    assert "Uploaded 2 files" in shown
    assert "nope: it does not exist\n" in shown
    assert "empty: there are no files in it\n" in shown
    assert run(["put", "-b", "photos/in", "-p", *wrong], services) == 2
    assert "The file or folder" in capsys.readouterr().err


def bucket_with_objects(services: Services) -> FunctionServices:
    s3 = boto3.client("s3", region_name="us-east-1")
    for bucket in ("pics", "odd"):
        s3.create_bucket(Bucket=bucket)
    for key in ("thumbs/a.jpg", "incoming/2024/b.jpg"):
        s3.put_object(Bucket="pics", Key=key, Body=b"x")
    return FunctionServices(services.environment)


@dataclass(frozen=True)
class FunctionServices(Services):
    """Connects to moto, where one function reads ``pics/incoming`` and writes to ``thumbs-out``."""

    error: Exception | None = None

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        return connect_to_moto(self)

    def list_functions(self, connection: AwsConnection) -> Sequence[FunctionSummary]:
        if self.error is not None:
            raise self.error
        inputs = (InputFolder("pics/incoming"),)
        return [function_summary("gray", inputs=inputs, buckets=("pics", "thumbs-out"))]


@pytest.mark.parametrize(
    ("command", "folder", "suggestion"),
    [
        ("get", "pisc/thumbs", "The bucket pisc does not exist; did you mean pics/thumbs?"),
        ("ls", "picks", "The bucket picks does not exist; did you mean pics?"),
        ("put", "picss/in", "The bucket picss does not exist; did you mean pics/in?"),
        ("ls", "thumb-out/a", "The bucket thumb-out does not exist; did you mean thumbs-out/a?"),
        ("get", "elsewhere", "The bucket elsewhere does not exist."),
        ("ls", "pics/thumsb", "0 objects, 0 B in pics/thumsb; did you mean pics/thumbs?"),
        ("get", "pics/thumsb/", "no objects in s3://pics/thumsb/; did you mean pics/thumbs?"),
        ("get", "pics/thumbs/a.jgp", "; did you mean pics/thumbs/a.jpg?"),
        ("get", "pics/incomming/2024/b.jpg", "; did you mean pics/incoming?"),
        ("get", "pics/incoming/2042", "; did you mean pics/incoming/2024?"),
        ("get", "pics/x", "There are no objects in s3://pics/x. pics has incoming/, thumbs/."),
        ("ls", "odd/nope", "0 objects, 0 B in odd/nope\n"),
        ("ls", "odd", "0 objects, 0 B in odd\n"),
    ],
)
def test_a_misspelt_bucket_or_folder_suggests_the_nearest(
    services: Services,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    folder: str,
    suggestion: str,
) -> None:
    more = {"ls": []}.get(command, ["-p", str(data)])
    status = run([command, "-b", folder, *more], bucket_with_objects(services))
    assert (status == 0) == ("0 B" in suggestion)
    assert suggestion in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        OperationRefusedError("denied", remedy="ask"),
        ConnectTimeoutError(endpoint_url="x"),
        OSError("no network"),
    ],
)
def test_a_failed_look_up_is_no_error(
    services: Services, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    assert run(["ls", "-b", "pisc"], FunctionServices(services.environment, error=error)) == 1
    assert "Error: The bucket pisc does not exist.\n" in capsys.readouterr().err


def test_json_of_no_objects_suggests_on_stderr(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", "-j", "-b", "pics/thumsb"], bucket_with_objects(services)) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == []
    assert "did you mean pics/thumbs?" in shown.err


def test_an_upload_names_the_functions_that_it_starts(
    services: Services, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.put_bucket_notification_configuration(
        Bucket="photos",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": "arn:aws:lambda:us-east-1:1:function:thumbs",
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}},
                }
            ]
        },
    )
    for folder, sentence in (
        ("incoming", "Starts thumbs.\n"),
        ("incoming/2024", "Starts thumbs.\n"),
        ("incomming", "No function reads photos/incomming; did you mean photos/incoming?\n"),
    ):
        assert run(["put", "-b", f"photos/{folder}", "-p", str(data)], services) == 0
        assert capsys.readouterr().err.endswith(sentence)
    assert run(["put", "-j", "-b", "photos/incoming", "-p", str(data)], services) == 0
    assert json.loads(capsys.readouterr().out)["starts"] == {"thumbs": 2}

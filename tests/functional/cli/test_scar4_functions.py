"""Functions that SCAR 4 made: recognised by every command, and imported."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import TYPE_CHECKING

import boto3
import pytest
import yaml

from scar.cli.main import run
from tests.functional.cli.stub_endpoint import StubEndpoint, serve_stub

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.services import Services

CONFIG = {
    "name": "oldcow",
    "init_script": "cow.sh",
    "container": {"image": "grycap/cowsay"},
    "input": [{"storage_provider": "s3", "path": "cows/in"}],
}


def package_bytes() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("oldcow.py", "def lambda_handler(event, context): pass")
        archive.writestr("cow.sh", "#!/bin/sh\ncowsay moo\n")
        archive.writestr("function_config.yaml", yaml.safe_dump(CONFIG))
    return data.getvalue()


@pytest.fixture
def oldcow(services: Services) -> str:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    variables = {"FDL": base64.b64encode(yaml.safe_dump(CONFIG).encode()).decode(), "A": "b"}
    client = boto3.client("lambda", region_name="us-east-1")
    arn = client.create_function(
        FunctionName="oldcow",
        Role=role["Role"]["Arn"],
        Runtime="python3.12",
        Handler="oldcow.lambda_handler",
        Code={"ZipFile": package_bytes()},
        Environment={"Variables": {**variables, "API_GATEWAY_ID": "api1"}},
        Tags={"createdby": "scar", "owner": "AIDA"},
    )["FunctionArn"]
    client.create_function(
        FunctionName="other",
        Role=role["Role"]["Arn"],
        Runtime="python3.12",
        Handler="f.f",
        Code={"ZipFile": package_bytes()},
        Environment={"Variables": {"FDL": "of another program"}},
    )
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="cows")
    s3.put_bucket_notification_configuration(
        Bucket="cows",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )
    return "oldcow"


def test_ls_names_them(services: Services, oldcow: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ls"], services) == 0
    shown = capsys.readouterr()
    assert "Made by SCAR 4, not managed by scar: oldcow." in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["invoke"], ["rm", "-y"], ["status"], ["wait"], ["show"]],
    ids=lambda arguments: arguments[0],
)
def test_commands_say_who_made_the_function(
    services: Services, oldcow: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "-n", "oldcow"], services) == 5
    assert "The function oldcow was made by SCAR 4" in (err := capsys.readouterr().err)
    assert "scar import -n oldcow" in err
    names = [
        f["FunctionName"]
        for f in boto3.client("lambda", region_name="us-east-1").list_functions()["Functions"]
    ]
    assert sorted(names) == ["oldcow", "other"]


def test_init_does_not_take_it(
    services: Services, oldcow: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from scar.aws.client.errors import MadeByScar4Error
    from scar.aws.handlers.functions import FunctionHandler
    from scar.aws.model.resources import LambdaFunction

    handler = FunctionHandler(boto3.client("lambda", region_name="us-east-1"))
    with pytest.raises(MadeByScar4Error):
        handler.read(LambdaFunction(name="oldcow", role_arn="", image=""))


def test_import_writes_the_file_and_lists_what_to_remove(
    services: Services, oldcow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", "-n", "oldcow"], services) == 0
    shown = capsys.readouterr()
    section = yaml.safe_load(shown.out)["functions"]["aws"][0]["lambda"]
    assert section["container"] == {"image": "grycap/cowsay"}
    assert section["environment"] == {"Variables": {"A": "b"}}
    order = [
        shown.err.index("event notifications of the bucket cows"),
        shown.err.index("aws apigateway delete-rest-api --region us-east-1 --rest-api-id api1"),
        shown.err.index("aws lambda delete-function --region us-east-1 --function-name oldcow"),
    ]
    assert order == sorted(order)


def test_import_unpacks_the_package(
    services: Services,
    oldcow: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from scar.aws.inventory.scar4 import package

    # moto has no real address for the package.
    with serve_stub(StubEndpoint(body=package_bytes())) as stub:
        download = package.download_package
        monkeypatch.setattr(package, "download_package", lambda _, name: download(stub.url, name))
        assert run(["import", "-n", "oldcow", "-p", str(tmp_path / "out"), "-j"], services) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["remove"][0]["resource"].startswith("event notifications")
    assert (tmp_path / "out" / "cow.sh").read_text() == "#!/bin/sh\ncowsay moo\n"
    assert (tmp_path / "out" / "oldcow.yaml").stat().st_mode & 0o777 == 0o600
    assert run(["import", "-n", "oldcow", "-p", str(tmp_path / "out")], services) != 0


def test_an_import_that_fails_leaves_nothing(
    services: Services,
    oldcow: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from scar.aws.inventory.scar4 import package, removal
    from scar.errors import ScarError

    def refuse(*_: object) -> None:
        raise ScarError("The steps cannot be listed.", remedy="")

    monkeypatch.setattr(removal, "list_removal_steps", refuse)
    used = tmp_path / "used"
    used.mkdir()
    (used / "mine").touch()
    with serve_stub(StubEndpoint(body=package_bytes())) as stub:
        download = package.download_package
        monkeypatch.setattr(package, "download_package", lambda _, name: download(stub.url, name))
        assert run(["import", "-n", "oldcow", "-p", str(tmp_path / "out")], services) == 1
        assert "The steps cannot be listed." in capsys.readouterr().err
        downloads = len(stub.requests)
        assert run(["import", "-n", "oldcow", "-p", str(used)], services) == 2
        assert len(stub.requests) == downloads
    assert {p.name for p in tmp_path.iterdir()} == {"used"}
    assert "is not empty" in capsys.readouterr().err


@pytest.fixture
def without_config(services: Services) -> str:
    """A function with neither the variable FDL nor a configuration in its package."""
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    client = boto3.client("lambda", region_name="us-east-1")
    arn = client.create_function(
        FunctionName="oldcow",
        Role=role["Role"]["Arn"],
        PackageType="Image",
        Code={"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/oldcow:latest"},
        Environment={"Variables": {"UDOCKER_BIN": "/opt/udocker/bin/"}},
        Tags={"createdby": "scar"},
    )["FunctionArn"]
    s3 = boto3.client("s3", region_name="us-east-1")
    for number, bucket in enumerate(("cows", "calves", "gone")):
        client.add_permission(
            FunctionName="oldcow",
            StatementId=str(number),
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
            SourceArn=f"arn:aws:s3:::{bucket}",
        )
    client.add_permission(
        FunctionName="oldcow",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn="arn:aws:execute-api:us-east-1:123456789012:api1/*",
    )
    rules = [
        {
            "LambdaFunctionArn": target,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
        }
        for target, prefix in ((arn, "in/2023/"), (arn, "old/"), (f"{arn}2", "other/"))
    ]
    for bucket, found in (("cows", rules[1:]), ("calves", rules[:1]), ("apart", rules)):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={"LambdaFunctionConfigurations": found},  # type: ignore[typeddict-item]
        )
    return "oldcow"


def test_import_finds_the_inputs_of_a_function_without_configuration_by_its_policy(
    services: Services, without_config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", "-n", without_config, "-j"], services) == 0
    document = json.loads(capsys.readouterr().out)
    section = yaml.safe_load(document["fdl"])["functions"]["aws"][0]["lambda"]
    assert section["input"] == [
        {"storage_provider": "s3", "path": "calves/in/2023"},
        {"storage_provider": "s3", "path": "cows/old"},
    ]
    assert any("event notifications" in note for note in document["notes"])
    resources = [step["resource"] for step in document["remove"]]
    assert [r.partition(" to ")[0] for r in resources if "notifications" in r] == [
        "event notifications of the bucket calves",
        "event notifications of the bucket cows",
    ]


def test_import_of_another_function_suggests_one(
    services: Services, oldcow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", "-n", "oldcov"], services) == 1
    assert "did you mean oldcow?" in capsys.readouterr().err

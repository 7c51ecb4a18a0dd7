"""The complete path on one machine: an upload, its event, the supervisor, the output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.local.access_keys import AccessKeys
from scar.local.engines.process import ProcessEngine
from scar.local.http.auth import Authenticator
from scar.local.http.router import Route, Router
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.lambda_.app import InvokeApp
from scar.local.lambda_.service import LambdaPorts, LambdaService, LambdaServiceSettings
from scar.local.s3.service import S3Service
from supervisor import config
from supervisor.model import ExecutionMode, FunctionConfig, OutputRule
from tests.functional.local.lambda_.fakes import (
    Functions,
    LambdaImageResolver,
    Logs,
    SentRecords,
    a_function,
    an_image,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from scar.local.lambda_.model import DeployedFunction
    from supervisor.aws.sigv4 import Credentials

ACCOUNT = "123456789012"
STATE = f"scar-{ACCOUNT}-us-east-1"
ADMIN = "AKIALOCALLOCALLOCAL0"
SECRET = b"s" * 32
SCRIPT = b"""#!/bin/sh
name=$(basename "$INPUT_FILE_PATH")
tr a-z A-Z < "$INPUT_FILE_PATH" > "$TMP_OUTPUT_DIR/upper-$name"
"""


class S3LambdaCloud:
    """S3 and Lambda behind one port, functions in processes."""

    def __init__(self, folder: Path) -> None:
        self.function = a_function()
        self.logs = Logs()
        self.engine = ProcessEngine(folder / "engine")
        self.s3 = S3Service(
            folder / "s3", ACCOUNT, deliver=self.deliver, destination_exists=lambda _: True
        )
        keys = AccessKeys(SECRET)
        self.routes: dict[Route, S3Service | InvokeApp] = {Route.S3: self.s3}
        self.server = HttpServer(Router(self.routes, Authenticator(SECRET)))
        self.endpoint = f"http://127.0.0.1:{self.server.start()}"

        def credentials(function: DeployedFunction, /) -> Credentials:
            return keys.credentials_for(f"lambda/{function.name}")

        ports = LambdaPorts(
            functions=Functions({"f": self.function}),
            images=LambdaImageResolver(an_image(folder, function_files())),
            logs=self.logs,
            credentials=credentials,
            send=SentRecords(),
            engine=self.engine,
        )
        self.service = LambdaService(
            folder / "events.sqlite", ports, LambdaServiceSettings(endpoint_url=self.endpoint)
        )
        self.routes[Route.LAMBDA] = InvokeApp(self.service)
        self.service.start()

    def deliver(self, arn: str, payload: bytes, trace: str, /) -> None:
        self.service.enqueue(arn, payload, trace)

    def close(self) -> None:
        self.s3.close()
        self.service.close()
        self.engine.close()
        self.server.close(0.2)


def function_files() -> dict[str, bytes]:
    made = FunctionConfig(
        name="f",
        mode=ExecutionMode.LAMBDA,
        state_bucket=STATE,
        script="script.sh",
        outputs=(OutputRule(provider="s3", path="data/out"),),
    )
    home = "opt/scar/function"
    return {
        f"{home}/function.json": config.config_to_json(made).encode(),
        f"{home}/script.sh": SCRIPT,
    }


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[S3LambdaCloud]:
    made = S3LambdaCloud(tmp_path)
    yield made
    made.close()


@pytest.fixture
def s3(cloud: S3LambdaCloud) -> Iterator[S3Client]:
    session = boto3.Session(ADMIN, derive_secret_key(SECRET, ADMIN), region_name="us-east-1")
    client = session.client("s3", endpoint_url=cloud.endpoint)
    client.create_bucket(Bucket="data")
    client.create_bucket(Bucket=STATE)
    client.put_bucket_notification_configuration(
        Bucket="data",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": cloud.function.arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}},
                }
            ]
        },
    )
    yield client
    client.close()


def wait_for(truth: Callable[[], bool], cloud: S3LambdaCloud) -> None:
    end = time.monotonic() + 300
    while not truth():
        assert time.monotonic() < end, cloud.logs.text
        time.sleep(0.02)


def test_an_uploaded_file_becomes_an_output(cloud: S3LambdaCloud, s3: S3Client) -> None:
    names = [f"file {number} ü+%2B.txt" for number in range(5)]
    for name in names:
        s3.put_object(Bucket="data", Key=f"in/{name}", Body=b"words\n")
    wanted = {f"out/upper-{name}" for name in names}

    def outputs() -> set[str]:
        found = s3.list_objects_v2(Bucket="data", Prefix="out/").get("Contents", [])
        return {entry["Key"] for entry in found}

    wait_for(lambda: outputs() == wanted, cloud)
    for key in wanted:
        assert s3.get_object(Bucket="data", Key=key)["Body"].read() == b"WORDS\n"
    wait_for(lambda: cloud.service.status().queued + cloud.service.status().running == 0, cloud)
    assert cloud.logs.text.count("START RequestId") == len(names)

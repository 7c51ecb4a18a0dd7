"""Functions configured through the AWS API, as the service reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3

from scar.local.http.auth import Authenticator
from scar.local.http.router import Route, Router
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.lambda_.function_registry import MotoFunctionRegistry
from scar.local.moto.service import MotoService

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "123456789012"
KEY = "AKIALOCALLOCALLOCAL0"
SECRET = b"s" * 32
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/scar/f@sha256:{'0' * 64}"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:lost"


def test_what_was_configured_is_what_runs(tmp_path: Path) -> None:
    moto = MotoService(
        tmp_path,
        account=ACCOUNT,
        check=lambda *_: None,
        registry=lambda: ("http://127.0.0.1:1", "pass"),
    )
    server = HttpServer(Router(dict.fromkeys(Route, moto), Authenticator(SECRET)))
    endpoint = f"http://127.0.0.1:{server.start()}"
    session = boto3.Session(KEY, derive_secret_key(SECRET, KEY), region_name="us-east-1")
    iam = session.client("iam", endpoint_url=endpoint)
    client = session.client("lambda", endpoint_url=endpoint)
    try:
        trust = {"Service": "lambda.amazonaws.com"}
        statement = {"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"}
        role = iam.create_role(
            RoleName="r",
            AssumeRolePolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [statement]}
            ),
        )["Role"]["Arn"]
        client.create_function(
            FunctionName="f",
            Role=role,
            PackageType="Image",
            Code={"ImageUri": IMAGE},
            MemorySize=256,
            Timeout=7,
            EphemeralStorage={"Size": 1024},
            Environment={"Variables": {"A": "1"}},
        )
        client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=3)
        client.put_function_event_invoke_config(
            FunctionName="f",
            MaximumRetryAttempts=1,
            MaximumEventAgeInSeconds=90,
            DestinationConfig={"OnFailure": {"Destination": QUEUE}},
        )
        functions = MotoFunctionRegistry(moto.functions)
        found = functions.get("f")
        assert found is not None
        assert found == functions.get(found.arn)
        assert (found.memory_mb, found.timeout, found.tmp_mb) == (256, 7, 1024)
        assert (found.image_uri, found.role, found.environment) == (IMAGE, role, {"A": "1"})
        assert (found.reserved_concurrency, found.retries, found.max_event_age) == (3, 1, 90)
        assert (found.on_failure, found.on_success) == (QUEUE, None)
        assert found.region == "us-east-1"
        assert functions.get("g") is None
    finally:
        iam.close()
        client.close()
        server.close(0.2)
        moto.close()

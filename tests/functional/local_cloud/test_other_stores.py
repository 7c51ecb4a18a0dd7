"""A function with outputs in the account's S3 and on another server, in Lambda and in Batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from scar.aws.compile.from_fdl import functions_of
from scar.aws.deploy import deploy
from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.rules.secret_variables import read_secret_variables
from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function
from tests.fakes.stores import store_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess
    from tests.fakes.stores.store_servers import RunningServer

LAB = "lab-results"
ENVIRONMENT = {"LAB_KEY": store_servers.ACCESS_KEY, "LAB_SECRET": store_servers.SECRET_KEY}
SCRIPT = 'echo "result of $INPUT_FILE_PATH" > "$TMP_OUTPUT_DIR/result.txt"'


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with store_servers.nanio() as running:
        yield running


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process")


@pytest.fixture(scope="module")
def warnings(cloud: LocalCloudProcess, server: RunningServer) -> dict[str, list[str]]:
    """Deploy twice, with and without the bucket; return what was reported."""
    found = {"missing bucket": deploy_functions(cloud, server)}
    client(server).create_bucket(Bucket=LAB)
    found["bucket"] = deploy_functions(cloud, server, memory=512)
    return found


def client(server: RunningServer) -> Any:  # noqa: ANN401
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=store_servers.ACCESS_KEY,
        aws_secret_access_key=store_servers.SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )


def objects(server: RunningServer) -> dict[str, str]:
    store = client(server)
    keys = [item["Key"] for item in store.list_objects_v2(Bucket=LAB).get("Contents", ())]
    return {k: store.get_object(Bucket=LAB, Key=k)["Body"].read().decode() for k in keys}


def deploy_functions(
    cloud: LocalCloudProcess, server: RunningServer, *, memory: int = 256
) -> list[str]:
    """Deploy as `scar init` does, with the secrets from the environment; return the warnings."""
    described = [
        function(
            name,
            memory=memory,
            output=[
                {"path": f"{BUCKET}/out/{name}"},
                {"storage_provider": "minio.lab", "path": f"{LAB}/{name}"},
            ],
            **more,
        )
        for name, more in (("short", {}), ("long", {"execution_mode": "batch"}), ("gone", {}))
    ]
    keys = {"access_key": "${env:LAB_KEY}", "secret_key": "${env:LAB_SECRET}"}
    lab = {"endpoint": server.url, **keys}
    path = cloud.folder / "stores.yaml"
    text = {
        "functions": {"aws": described},
        "storage_providers": {"minio": {"lab": lab}},
    }
    path.write_text(json.dumps(text))
    resolved = resolve_file(path, LoadContext())
    variables = read_secret_variables(resolved.document, ENVIRONMENT)
    messages: list[str] = []
    deploy.init(
        functions_of(resolved.document, variables),
        cloud.connection,
        messages.append,
        images=cloud.images(),
    )
    return [text for text in messages if "storage_providers" in text]


def test_a_bucket_that_does_not_exist_is_said_at_deployment(
    warnings: dict[str, list[str]],
) -> None:
    found = warnings["missing bucket"]
    assert found
    assert all("Warning: storage_providers.minio.lab" in text for text in found)
    assert any(LAB in text for text in found), found


def test_a_store_that_ignores_write_conditions_is_said_at_deployment(
    warnings: dict[str, list[str]], server: RunningServer
) -> None:
    (text,) = warnings["bucket"]
    assert "ignores or refuses write conditions" in text
    assert "conditional_writes: false" in text
    assert not [key for key in objects(server) if "probe" in key]


@pytest.mark.parametrize("name", ["short", "long"])
def test_results_are_in_both_stores_and_the_keys_in_neither(
    cloud: LocalCloudProcess, server: RunningServer, warnings: dict[str, list[str]], name: str
) -> None:
    key = cloud.put(name, SCRIPT)
    records = cloud.ended(name, key)
    assert records.keys() >= {"done.json"}, records
    assert cloud.read(f"out/{name}/result.txt").startswith("result of ")
    assert objects(server)[f"{name}/result.txt"].startswith("result of ")
    stored = (
        cloud.client("batch").describe_job_definitions(),
        cloud.client("lambda").get_function(FunctionName=name),
        cloud.log(name, "batch" if name == "long" else "lambda"),
        records,
        cloud.jobs(name),
        [cloud.read(item, STATE) for item in cloud.keys("", STATE)],
    )
    assert store_servers.SECRET_KEY not in str(stored)


def test_files_of_the_local_cloud_with_the_keys_are_private(
    cloud: LocalCloudProcess, warnings: dict[str, list[str]]
) -> None:
    secret = store_servers.SECRET_KEY.encode()
    with_secret = [
        file
        for file in cloud.folder.rglob("*")
        if file.is_file() and not file.is_symlink() and secret in file.read_bytes()
    ]
    assert with_secret  # the journal
    assert all(file.stat().st_mode & 0o077 == 0 for file in with_secret), with_secret


def test_rm_deletes_the_parameters_of_the_function_alone(
    cloud: LocalCloudProcess, warnings: dict[str, list[str]]
) -> None:
    def names(function: str) -> set[str]:
        found = cloud.client("ssm").get_parameters_by_path(Path=f"/scar/{function}", Recursive=True)
        return {parameter["Name"] for parameter in found["Parameters"]}

    assert names("gone") == {f"/scar/gone/minio.lab/{key}" for key in ("access_key", "secret_key")}
    deploy.remove(["gone"], cloud.connection, lambda _: None)
    assert names("gone") == set()
    assert len(names("short")) == 2

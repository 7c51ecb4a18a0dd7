"""Functions with outputs on real servers of every kind: from the FDL file to the stored result.

Two of them run in Lambda and in Batch with outputs in the account's S3 and on another server.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore.config import Config

from scar.aws.compile.from_fdl import functions_of
from scar.aws.deploy import deploy
from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.rules.secret_variables import read_secret_variables
from scar.local.http.server import HttpServer
from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function, scar
from tests.fakes.stores import onedata_double, store_servers
from tests.waiting import TIMEOUT, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.fakes.local_cloud import LocalCloudProcess
    from tests.fakes.stores.store_servers import RunningServer

LAB = "lab-results"
TOKEN = "a token of the webhook"
ENVIRONMENT = {
    "LAB_KEY": store_servers.ACCESS_KEY,
    "LAB_SECRET": store_servers.SECRET_KEY,
    "CLOUD_LOGIN": store_servers.LOGIN,
    "CLOUD_PASSWORD": store_servers.PASSWORD,
    "HOOK": TOKEN,
    "SPACE_TOKEN": onedata_double.TOKEN,
}
# Functions by the store of their only output.
KINDS = {"dav": "webdav.cloud", "dav-login": "webdav.named", "one": "onedata.space", "s3": "s3.lab"}
SCRIPT = 'echo "result of $INPUT_FILE_PATH" > "$TMP_OUTPUT_DIR/result.txt"'


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with store_servers.nanio() as running:
        yield running


@pytest.fixture(scope="module")
def dav() -> Iterator[RunningServer]:
    with store_servers.apache() as running:
        yield running


@pytest.fixture(scope="module")
def space() -> Iterator[tuple[str, onedata_double.OnedataDouble]]:
    double = onedata_double.OnedataDouble()
    server = HttpServer(double)
    try:
        yield f"http://127.0.0.1:{server.start()}", double
    finally:
        server.close()


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process")


@pytest.fixture(scope="module")
def providers(
    server: RunningServer,
    dav: RunningServer,
    space: tuple[str, onedata_double.OnedataDouble],
) -> dict[str, object]:
    """Return the section storage_providers."""
    keys = {"access_key": "${env:LAB_KEY}", "secret_key": "${env:LAB_SECRET}"}
    lab = {"endpoint": server.url, **keys}
    password = {"hostname": dav.url, "password": "${env:CLOUD_PASSWORD}"}
    return {
        "minio": {"lab": lab},
        "s3": {"lab": {**lab, "conditional_writes": False}},
        "webdav": {
            "cloud": {**password, "login": "${env:CLOUD_LOGIN}"},
            "named": {**password, "login": store_servers.LOGIN},
        },
        "onedata": {
            "space": {
                "oneprovider_host": space[0],
                "space": onedata_double.SPACE,
                "token": "${env:SPACE_TOKEN}",
            }
        },
    }


@pytest.fixture(scope="module")
def warnings(
    cloud: LocalCloudProcess, server: RunningServer, providers: dict[str, object]
) -> dict[str, list[str]]:
    """Deploy with and without the bucket, and without changes; return what was reported."""
    found = {"missing bucket": deploy_functions(cloud, providers)}
    found["unchanged"] = deploy_functions(cloud, providers)
    client(server).create_bucket(Bucket=LAB)
    found["bucket"] = deploy_functions(cloud, providers, memory=512, kinds=KINDS)
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
    cloud: LocalCloudProcess,
    providers: dict[str, object],
    *,
    memory: int = 256,
    kinds: Mapping[str, str] = MappingProxyType({}),
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
    ] + [
        function(name, output=[{"storage_provider": store, "path": f"{LAB}/{name}"}])
        for name, store in kinds.items()
    ]
    if kinds:  # its events are sent by hand
        folder = {"storage_provider": "minio.lab", "path": f"{LAB}/in"}
        described.append(
            function("by-hand", input=[folder], output=[folder | {"path": f"{LAB}/by-hand"}])
        )
    return deploy_document(cloud, {"functions": {"aws": described}, "storage_providers": providers})


def deploy_document(cloud: LocalCloudProcess, text: dict[str, object]) -> list[str]:
    path = cloud.folder / "stores.yaml"
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
    assert all("NoSuchBucket" in text for text in found), found
    assert all(f"Create the bucket {LAB}" in text for text in found), found
    assert not any("delete" in text.lower() for text in found), found


def test_the_stores_are_tried_also_if_nothing_changes(warnings: dict[str, list[str]]) -> None:
    assert warnings["unchanged"]
    assert set(warnings["unchanged"]) == set(warnings["missing bucket"])


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


@pytest.mark.usefixtures("warnings")
def test_an_event_of_minio_that_the_user_sends_starts_a_run_without_endpoint_and_token(
    cloud: LocalCloudProcess, server: RunningServer
) -> None:
    client(server).put_object(Bucket=LAB, Key="in/a.sh", Body=SCRIPT.encode())
    event = {
        "Records": [
            {
                "eventVersion": "2.0",
                "eventSource": "minio:s3",
                "eventName": "s3:ObjectCreated:Put",
                "s3": {"bucket": {"name": LAB}, "object": {"key": "in%2Fa.sh"}},
            }
        ]
    }
    (cloud.folder / "event.json").write_text(json.dumps(event))
    sent = scar(cloud.folder, "invoke", "-n", "by-hand", "-jd", "event.json")
    output = sent.communicate(timeout=TIMEOUT)
    assert sent.returncode == 0, output
    assert objects(server)["by-hand/result.txt"].startswith("result of ")


@pytest.mark.usefixtures("warnings")
def test_ls_shows_an_input_on_minio_and_run_refuses_it(cloud: LocalCloudProcess) -> None:
    shown, _ = scar(cloud.folder, "ls").communicate(timeout=TIMEOUT)
    assert f"minio.lab:{LAB}/in" in str(shown)
    ran = scar(cloud.folder, "run", "-n", "by-hand")
    output = ran.communicate(timeout=TIMEOUT)
    assert ran.returncode == 2, output
    assert "is on minio.lab, which `scar run` does not list" in str(output)


@pytest.mark.usefixtures("warnings")
@pytest.mark.parametrize("name", KINDS)
def test_results_are_in_the_store_of_every_kind(
    cloud: LocalCloudProcess,
    server: RunningServer,
    dav: RunningServer,
    space: tuple[str, onedata_double.OnedataDouble],
    name: str,
) -> None:
    records = cloud.ended(name, cloud.put(name, SCRIPT))
    assert records.keys() >= {"done.json"}, records
    path = f"{name}/result.txt"
    match KINDS[name].partition(".")[0]:
        case "webdav":
            text = (dav.root / LAB / path).read_text()
        case "onedata":
            file = space[1].names[f"{onedata_double.SPACE}/{LAB}/{path}"]
            assert file is not None
            text = file.content.decode()
        case _:
            text = objects(server)[path]
    assert text.startswith("result of ")


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


def test_a_webhook_of_minio_starts_a_run_that_reads_and_writes_there(
    cloud: LocalCloudProcess, warnings: dict[str, list[str]], server: RunningServer
) -> None:
    folders: dict[str, Any] = {
        kind: [{"storage_provider": "minio.hook", "path": f"{LAB}/{folder}"}]
        for kind, folder in (("input", "raw"), ("output", "hooked"))
    }
    hook = {
        "endpoint": server.url,
        "access_key": "${env:LAB_KEY}",
        "secret_key": "${env:LAB_SECRET}",
        "webhook_token": "${env:HOOK}",
    }
    entry = function("hooked", **folders) | {
        "api_gateway": {"type": "url", "authentication": "NONE"}
    }
    deploy_document(
        cloud, {"functions": {"aws": [entry]}, "storage_providers": {"minio": {"hook": hook}}}
    )
    client(server).put_object(Bucket=LAB, Key="raw/a b", Body=SCRIPT.encode())
    record = {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "eventName": "s3:ObjectCreated:Put",
        "s3": {"bucket": {"name": LAB}, "object": {"key": "raw%2Fa+b", "sequencer": "17A"}},
    }
    body = {"EventName": "s3:ObjectCreated:Put", "Key": f"{LAB}/raw/a b", "Records": [record]}
    address = cloud.client("lambda").get_function_url_config(FunctionName="hooked")["FunctionUrl"]

    def send(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(address, json=body, headers=headers, timeout=60).status_code

    assert requests.head(address, timeout=60).status_code == 200
    assert send("wrong") == 401
    assert send(TOKEN) == 202
    until(lambda: "hooked/result.txt" in objects(server))
    assert not [key for key in cloud.keys("", STATE) if TOKEN in cloud.read(key, STATE)]

"""A run with outputs in several stores, whose keys are parameters in Parameter Store."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor import config
from supervisor.connections import ProviderConfig
from supervisor.model import ObjectRef, OutputRule
from tests.conformance.object_store_endpoints import webdav_apache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.object_store_endpoints import S3Endpoint
    from tests.functional.supervisor_core.conftest import FunctionFiles

SCRIPT = (
    '#!/bin/sh\nenv > "$TMP_OUTPUT_DIR/env.txt"; cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/a b+ü"\n'
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Endpoint]:
    with webdav_apache(tmp_path_factory.mktemp("cloud")) as running:
        yield running


def deploy(function: FunctionFiles, cloud: S3Endpoint) -> dict[str, str]:
    """Deploy a function with outputs on S3, MinIO and WebDAV; return its secrets' values."""
    import boto3

    function.deploy(SCRIPT, name="stores")
    url, bucket = function.endpoint.environ["AWS_ENDPOINT_URL_S3"], function.endpoint.bucket
    environ = function.endpoint.environ
    values = {
        "/scar/stores/minio.lab/access_key": environ["AWS_ACCESS_KEY_ID"],
        "/scar/stores/minio.lab/secret_key": "minio-secret-value-1234",
        **{f"/scar/stores/webdav.cloud/{k}": value for k, value in cloud.secrets.items()},
    }
    ssm = boto3.client(
        "ssm",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE123456789",
        aws_secret_access_key="b",
    )
    for name, value in values.items():
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    ssm.close()
    assert cloud.config is not None
    lab = ProviderConfig(
        name="minio.lab",
        options={"endpoint": url},
        secrets={k: f"ssm:/scar/stores/minio.lab/{k}" for k in ("access_key", "secret_key")},
    )
    webdav = replace(
        cloud.config, secrets={k: f"ssm:/scar/stores/webdav.cloud/{k}" for k in cloud.secrets}
    )
    path = function.folder / "function" / "function.json"
    deployed = replace(
        config.parse_config(path.read_text()),
        providers=(lab, webdav),
        outputs=(
            OutputRule(provider="s3", path=f"{bucket}/stores-out"),
            OutputRule(provider="minio.lab", path=f"{bucket}/stores-lab"),
            OutputRule(provider="webdav.cloud", path="results/of ü"),
        ),
    )
    path.write_text(config.config_to_json(deployed))
    return values


def test_each_output_goes_to_its_store_and_no_secret_to_the_script_or_log(
    function: FunctionFiles, cloud: S3Endpoint
) -> None:
    values = deploy(function, cloud)
    function.write("in/stores", b"hello")
    url = function.endpoint.environ["AWS_ENDPOINT_URL_S3"]
    process = function.start(
        AWS_ENDPOINT_URL_SSM=url,
        AWS_BATCH_JOB_ID="job-1",
        AWS_BATCH_JOB_ATTEMPT="1",
        SCAR_EVENT=function.event("in/stores"),
        SCAR_RUN_ID="run-stores",
        SCAR_RUN_DATE="2026-09-21",
        SCAR_REQUEST_ID="r",
    )
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    for folder in ("stores-out", "stores-lab"):
        assert function.read(f"{folder}/a b+ü") == b"hello"
    store = cloud.connect()
    found = store.read(ObjectRef("webdav.cloud", "results", "of ü/a b+ü"))
    store.close()
    assert found is not None
    assert found[0] == b"hello"
    assert found[1].metadata["scar-run"].startswith("stores/")
    done = function.read("runs/stores/2026-09-21/run-stores/done.json")
    assert done is not None
    uploaded = [item.get("provider", "") for item in json.loads(done)["outputs"]]
    assert sorted(uploaded) == ["", "", "minio.lab", "minio.lab", "webdav.cloud", "webdav.cloud"]
    environment = function.read("stores-out/env.txt")
    assert environment is not None
    for name, value in values.items():
        if "access_key" not in name:  # the test's own key id
            assert value.encode() not in environment + output

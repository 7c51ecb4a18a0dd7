"""Runs with outputs in several stores: failures, retries, records, owners and loops."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor import config
from supervisor.aws.errors import AwsErrorResponse
from supervisor.connections import ProviderConfig
from supervisor.errors import OutputError, StorageError
from supervisor.execution import lineage
from supervisor.invocation import ObjectEvent
from supervisor.model import (
    ExecutionMode,
    FunctionConfig,
    InputRule,
    ObjectRef,
    OutputRule,
    VersionPin,
)
from supervisor.runs import record_format
from supervisor.runs.record_format import UploadedObject
from supervisor.storage import s3_errors
from tests.fakes.object_store import MemoryStore
from tests.fakes.supervisor_factory import NOW, lambda_invocation, new_harness, notification

if TYPE_CHECKING:
    from pathlib import Path

LAB = ProviderConfig(name="minio.lab", options={"endpoint": "https://minio.lab"})
CLOUD = ProviderConfig(name="webdav.cloud", options={"hostname": "cloud.org"})
CONFIG = FunctionConfig(
    name="fn",
    mode=ExecutionMode.LAMBDA,
    state_bucket="scar-123456789012-eu-west-1",
    inputs=(InputRule(bucket="data", folder="in/"),),
    outputs=(
        OutputRule(provider="s3", path="data/out"),
        OutputRule(provider="s3.named", path="named/out"),
        OutputRule(provider="s3.partner", path="theirs/out"),
        OutputRule(provider="minio.lab", path="lab/out"),
    ),
    providers=(LAB, ProviderConfig(name="s3.partner", secrets={"access_key": "ssm:/a"})),
)


def test_only_buckets_of_the_account_have_an_expected_owner() -> None:
    owners = config.bucket_owners(CONFIG)
    assert set(owners) == {CONFIG.state_bucket, "data", "named"}


@pytest.mark.parametrize(
    ("provider", "place"),
    [
        ("s3", "s3://b/out/x"),
        ("s3.partner", "s3.partner:b/out/x"),
        ("minio.lab", "minio.lab:b/out/x"),
    ],
)
def test_only_an_object_of_the_accounts_s3_is_named_by_its_url(provider: str, place: str) -> None:
    ref = ObjectRef(provider, "b", "out/x")
    assert str(ref) == place
    error = AwsErrorResponse(403, "AccessDenied", "no", server=provider)
    assert s3_errors.translate_error(error, ref, "s3:PutObject").problem.startswith(
        f"Cannot write {place}: "
    )


def test_one_store_that_fails_fails_the_run_and_a_retry_uploads_the_rest(tmp_path: Path) -> None:
    harness = new_harness(tmp_path)
    stores = {name: MemoryStore(clock=lambda: NOW) for name in ("minio.lab", "webdav.cloud")}
    function = replace(
        harness.supervisor.config,
        outputs=(
            OutputRule(provider="s3", path="data/out"),
            OutputRule(provider="minio.lab", path="lab/out"),
            OutputRule(provider="webdav.cloud", path="results"),
        ),
        providers=(LAB, CLOUD),
    )
    supervisor = replace(
        harness.supervisor,
        config=function,
        open_store=lambda provider: stores.get(provider, harness.store),
    )
    harness.store.put("in/a.txt", b"hello")

    def fail(method: str, ref: ObjectRef) -> None:
        if method == "upload":
            raise StorageError(f"Cannot write {ref}", remedy="Check the password of webdav.cloud.")

    stores["webdav.cloud"].before = fail
    event = notification("in/a.txt")
    failed = supervisor.handle(lambda_invocation(event)).results[0].error
    assert isinstance(failed, StorageError)
    assert "webdav.cloud:results/a.txt" in failed.problem
    assert stores["minio.lab"].keys("lab") == {"out/a.txt": b"hello"}
    stores["webdav.cloud"].before = lambda _method, _ref: None
    assert supervisor.handle(lambda_invocation(event)).results[0].error is None
    assert stores["webdav.cloud"].keys("results") == {"a.txt": b"hello"}
    assert harness.store.keys()["out/a.txt"] == b"hello"
    assert stores["minio.lab"].created.total() == 1
    done = next(
        data for (_, key), (data, _) in harness.store.objects.items() if key.endswith("done.json")
    )
    providers = {item.get("provider", "") for item in json.loads(done)["outputs"]}
    assert providers == {"", "minio.lab", "webdav.cloud"}


def test_an_output_in_another_store_is_no_input_of_the_same_bucket_on_s3() -> None:
    def describe(function: FunctionConfig, provider: str) -> None:
        targets = [ObjectRef(provider, "data", "in/x")]
        lineage.describe_outputs(lineage.Lineage(), function, "fn/2026-01-01/r", targets)

    describe(CONFIG, "minio.lab")
    describe(CONFIG, "s3.partner")
    for provider in ("s3", "s3.named"):
        with pytest.raises(OutputError, match="would start fn again"):
            describe(CONFIG, provider)
    from_lab = replace(
        CONFIG, inputs=(InputRule(provider="minio.lab", bucket="data", folder="in/"),)
    )
    describe(from_lab, "s3")
    with pytest.raises(OutputError, match=r"minio\.lab:data/in/x would start fn again"):
        describe(from_lab, "minio.lab")


def test_runs_on_the_same_key_of_two_stores_have_different_ids() -> None:
    def input_id(provider: str) -> str:
        source = ObjectRef(provider, "data", "in/x")
        event = ObjectEvent(source=source, version=VersionPin(), sequencer="", time="", event="{}")
        return record_format.input_id("fn", event)

    assert input_id("s3") == input_id("s3.named")
    assert len({input_id(p) for p in ("s3", "minio.lab", "webdav.cloud")}) == 3


def test_a_record_names_the_store_only_if_it_is_another_one() -> None:
    entry = UploadedObject(bucket="b", key="k", size=1, crc32="", etag="e")
    assert "provider" not in entry.to_json()
    assert replace(entry, provider="minio.lab").to_json()["provider"] == "minio.lab"

"""``function.json``: older releases, rules of inputs, and the expected owners of buckets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor import __main__ as entry
from supervisor import config
from supervisor.batch.failure_handler import FailureHandler
from supervisor.model import BucketEncryption, ExecutionMode, FunctionConfig, InputRule, OutputRule
from supervisor.storage.s3 import S3Store

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = FunctionConfig(
    name="crop",
    mode=ExecutionMode.LAMBDA,
    state_bucket="scar-123456789012-eu-west-1",
    inputs=(InputRule(bucket="photos", folder="in/", suffix=".jpg"),),
    outputs=(OutputRule(provider="s3", path="thumbnails/small"),),
    encryption=(BucketEncryption(bucket="thumbnails", algorithm="aws:kms", key_id="k"),),
)


@pytest.mark.parametrize(
    ("bucket", "owner"),
    [
        ("scar-123456789012-eu-west-1", "123456789012"),
        ("scar-123456789012-us-gov-east-1", "123456789012"),
        ("scar-123456789012-photos", ""),
        ("scar-2024-eu-west-1", ""),
        ("photos", ""),
        ("my-scar-123456789012-eu-west-1", ""),
    ],
)
def test_the_owner_of_a_functions_buckets_is_in_the_state_buckets_name(
    bucket: str, owner: str
) -> None:
    found = config.bucket_owners(replace(CONFIG, state_bucket=bucket))
    assert found == ({bucket: owner, "thumbnails": owner} if owner else {})


@pytest.mark.parametrize("is_failure_handler", [False, True])
def test_stores_of_a_function_send_the_expected_bucket_owner(
    tmp_path: Path, *, is_failure_handler: bool
) -> None:
    function = replace(CONFIG, is_failure_handler=is_failure_handler)
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "function.json").write_text(config.config_to_json(function))
    environ = {
        "SCAR_HOME": str(tmp_path),
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    handler = entry._build_handler(environ)
    if isinstance(handler, FailureHandler):
        store = handler.open_store(function.encryption)
    else:
        store = handler.open_store("s3")
    assert isinstance(store, S3Store)
    assert store.api.bucket_owners == config.bucket_owners(function)
    assert store.api.encryption == function.encryption


def test_a_configuration_of_an_older_release_is_read() -> None:
    assert config.parse_config(config.config_to_json(CONFIG)) == CONFIG
    data = json.loads(config.config_to_json(CONFIG))
    del data["encryption"], data["inputs"]
    assert config.parse_config(json.dumps(data)) == replace(CONFIG, encryption=(), inputs=())


@pytest.mark.parametrize(
    ("rule", "bucket", "key", "is_input"),
    [
        (InputRule(bucket="b"), "b", "anything", True),
        (InputRule(bucket="b"), "b2", "anything", False),
        (InputRule(bucket="b", folder="in/"), "b", "in/a/b.txt", True),
        (InputRule(bucket="b", folder="in/"), "b", "in2/a.txt", False),
        (InputRule(bucket="b", folder="in/"), "b", "x/in/a.txt", False),
        (InputRule(bucket="b", folder="in/", suffix=".txt"), "b", "in/a.txt", True),
        (InputRule(bucket="b", folder="in/", suffix=".txt"), "b", "in/a.txt.gz", False),
        (InputRule(bucket="b", folder="in/", prefix="x"), "b", "in/xa", True),
        (InputRule(bucket="b", folder="in/", prefix="x"), "b", "in/ax", False),
    ],
)
def test_an_input_rule_matches_what_its_notification_sends(
    rule: InputRule, bucket: str, key: str, *, is_input: bool
) -> None:
    assert rule.matches(bucket, key) is is_input


def test_a_key_that_is_not_set_leaves_the_text_of_a_function_as_it_was() -> None:
    assert "cluster" not in json.loads(config.config_to_json(CONFIG))
    clustered = replace(CONFIG, cluster=True)
    assert config.parse_config(config.config_to_json(clustered)) == clustered
    assert config.parse_config(config.config_to_json(CONFIG)) == CONFIG

"""Which encryption a function's writes request, and the permissions for its KMS keys."""

from __future__ import annotations

import json
from typing import Any

from scar.aws.compile.compiler import compile_resources
from scar.aws.compile.encryption import (
    bucket_encryption,
    encryption_of_all,
    kms_keys_of,
    requests_encryption,
)
from scar.aws.compile.function_config import function_config
from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.model import names
from scar.aws.model.account import Account
from scar.aws.model.resources import BatchTargetRecord, Role
from scar.fdl.model import StorageSpec
from supervisor import config as wire
from supervisor.model import BucketEncryption, ImageDefaults
from tests.fakes.functions import new_function

ACCOUNT = Account("123456789012", "eu-west-1")
STATE = names.state_bucket_name(ACCOUNT)
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:eu-west-1:123456789012:key/{KEY_ID}"
OTHER = "arn:aws:kms:eu-west-1:210987654321:key/mrk-1234567890abcdef1234567890abcdef"
PLAIN = new_function(
    name="plain",
    image="x",
    input=(StorageSpec(path="photos/in"),),
    output=(StorageSpec(path="films/out"), StorageSpec(path="films/more")),
)


def requested(bucket: str, algorithm: str, key: str = "") -> BucketEncryption:
    return BucketEncryption(bucket=bucket, algorithm=algorithm, key_id=key)


def sealed(**keys: object) -> tuple[BucketEncryption, ...]:
    return bucket_encryption(new_function(name="f", image="x", **keys), ACCOUNT)


def test_nothing_is_requested_without_a_key() -> None:
    assert bucket_encryption(PLAIN, ACCOUNT) == ()
    assert not requests_encryption(PLAIN)
    assert function_config(PLAIN, ACCOUNT, ImageDefaults()).encryption == ()


def test_an_entry_counts_for_its_whole_bucket_only() -> None:
    output = (StorageSpec(path="films/out"), StorageSpec(path="films/more", sse="AES256"))
    found = sealed(input=(StorageSpec(path="photos"),), output=output)
    assert found == (requested("films", "AES256"),)


def test_the_function_s_choice_counts_for_records_and_the_other_buckets() -> None:
    found = sealed(
        sse="aws:kms",
        sse_kms_key_id=KEY_ID,
        input=(StorageSpec(path="photos/in"),),
        output=(StorageSpec(path="films", sse="AES256"),),
    )
    assert found == (
        requested("films", "AES256"),
        requested("photos", "aws:kms", KEY_ID),
        requested(STATE, "aws:kms", KEY_ID),
    )


def test_the_first_function_decides_about_what_a_deployment_writes() -> None:
    first = new_function(name="a", image="x", output=(StorageSpec(path="films", sse="AES256"),))
    second = new_function(name="b", image="x", output=(StorageSpec(path="films"),), sse="aws:kms")
    assert encryption_of_all([PLAIN, first, second], ACCOUNT) == (
        requested("films", "AES256"),
        requested(STATE, "aws:kms"),
    )


def test_keys_are_arns_of_the_account_unless_they_are_arns() -> None:
    pairs = kms_keys_of(
        [requested("a", "aws:kms", KEY_ID), requested("b", "aws:kms", OTHER), requested("c", "x")],
        ACCOUNT,
    )
    assert pairs == (("a", KEY), ("b", OTHER))


def kms_statements(role: Role) -> list[dict[str, Any]]:
    statements = json.loads(role.policy)["Statement"]
    return [s for s in statements if "kms:Decrypt" in s["Action"]]


def test_the_role_may_use_the_keys_of_outputs_inputs_and_records() -> None:
    function = new_function(
        name="f",
        image="x",
        sse="aws:kms",
        sse_kms_key_id=KEY_ID,
        input=(StorageSpec(path="photos/in", sse="aws:kms", sse_kms_key_id=OTHER),),
        output=(StorageSpec(path="films/out"),),
    )
    resources = compile_with_placeholders([function], ACCOUNT)
    (role,) = (r for r in resources if isinstance(r, Role) and r.name.startswith("f-"))
    through = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    allowed = {s["Resource"][0]: s for s in kms_statements(role)}
    assert set(allowed) == {OTHER, KEY}
    assert allowed[OTHER]["Action"] == "kms:Decrypt"
    assert allowed[KEY]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert all(statement["Condition"] == through for statement in allowed.values())


def test_the_key_of_records_is_allowed_without_any_bucket() -> None:
    function = new_function(name="f", image="x", sse="aws:kms", sse_kms_key_id=KEY_ID)
    resources = compile_with_placeholders([function], ACCOUNT)
    (role,) = (r for r in resources if isinstance(r, Role) and r.name.startswith("f-"))
    assert [statement["Resource"] for statement in kms_statements(role)] == [[KEY]]


def test_the_failure_handler_reads_the_function_s_choice() -> None:
    function = new_function(name="f", image="x", sse="AES256")
    images = {"f": "sha256:1", names.FAILURE_HANDLER: "sha256:2"}
    resources = compile_resources([function], ACCOUNT, images=images, networks={})
    (record,) = (r for r in resources if isinstance(r, BatchTargetRecord))
    assert wire.parse_config(record.text).encryption == (requested(STATE, "AES256"),)

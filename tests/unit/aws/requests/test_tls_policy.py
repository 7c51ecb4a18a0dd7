"""The state bucket's policy denies plain HTTP and keeps the statements of others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.requests.tls_policy import requires_tls, tls_policy, tls_statement

BUCKET = "scar-123456789012-eu-west-1"
OTHER = {"Sid": "Audit", "Effect": "Allow", "Principal": {"AWS": "1"}, "Action": "s3:GetObject"}


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_statement_denies_the_bucket_and_its_objects_without_tls(partition: str) -> None:
    statement = tls_statement(BUCKET, partition)
    arn = f"arn:{partition}:s3:::{BUCKET}"
    assert statement["Resource"] == [arn, f"{arn}/*"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@given(st.lists(st.sampled_from([OTHER, {**OTHER, "Sid": "B"}, "damaged"]), max_size=3))
def test_other_statements_are_kept_and_the_own_one_is_added_once(others: list[object]) -> None:
    policy = json.dumps({"Version": "2008-10-17", "Id": "x", "Statement": others})
    assert not requires_tls(policy, BUCKET, "aws")
    added = tls_policy(policy, BUCKET, "aws")
    assert requires_tls(added, BUCKET, "aws")
    assert tls_policy(added, BUCKET, "aws") == added
    document = json.loads(added)
    assert document["Statement"][:-1] == others
    assert (document["Version"], document["Id"]) == ("2008-10-17", "x")


def test_a_single_statement_and_no_policy_are_policies_too() -> None:
    assert not requires_tls("", BUCKET, "aws")
    assert requires_tls(tls_policy("", BUCKET, "aws"), BUCKET, "aws")
    single = json.dumps({"Statement": OTHER})
    assert json.loads(tls_policy(single, BUCKET, "aws"))["Statement"][0] == OTHER


def test_a_changed_statement_does_not_count_and_is_replaced() -> None:
    changed = tls_statement(BUCKET, "aws") | {"Effect": "Allow"}
    policy = json.dumps({"Statement": [changed, OTHER]})
    assert not requires_tls(policy, BUCKET, "aws")
    statements = json.loads(tls_policy(policy, BUCKET, "aws"))["Statement"]
    assert statements == [OTHER, tls_statement(BUCKET, "aws")]
    # As AWS returns it: one text instead of a list, booleans as texts.
    other_form = tls_statement(BUCKET, "aws") | {"Action": ["s3:*"], "Principal": {"AWS": "*"}}
    assert requires_tls(json.dumps({"Statement": other_form}), BUCKET, "aws")

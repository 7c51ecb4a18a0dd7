"""The policy of a repository: scar's statement beside those of Lambda and others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile import policies
from scar.aws.model.account import Account
from scar.aws.model.policy_meaning import same_policy

DESIRED = policies.repository_policy(Account("123456789012", "eu-west-1"))
(OWN,) = json.loads(DESIRED)["Statement"]
OUTDATED = {**OWN, "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}
LAMBDAS = {**OWN, "Sid": "LambdaECRImageRetrievalPolicy"}
OTHERS = [{**OWN, "Sid": f"other{n}", "Action": "ecr:ListImages"} for n in range(2)]
STATEMENTS = st.lists(st.sampled_from([OWN, OUTDATED, LAMBDAS, *OTHERS]), max_size=4)


def document(statements: list[dict[str, object]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.mark.parametrize(
    ("account", "pattern"),
    [
        (
            Account("123456789012", "eu-west-1"),
            "arn:aws:lambda:eu-west-1:123456789012:function:*",
        ),
        (
            Account("1", "cn-north-1", "aws-cn"),
            "arn:aws-cn:lambda:cn-north-1:1:function:*",
        ),
    ],
)
def test_lambda_pulls_for_functions_of_the_account(account: Account, pattern: str) -> None:
    (statement,) = json.loads(policies.repository_policy(account))["Statement"]
    assert statement["Condition"] == {"StringLike": {"aws:sourceArn": pattern}}
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


@given(STATEMENTS)
def test_merging_ends_with_the_desired_statement_once_and_keeps_others(
    statements: list[dict[str, object]],
) -> None:
    merged = policies.merge_policy(document(statements), DESIRED)
    assert same_policy(policies.own_policy(merged, DESIRED), DESIRED)
    assert policies.merge_policy(merged, DESIRED) == merged
    found = json.loads(merged)["Statement"]
    others = [s for s in statements if s["Sid"] != OWN["Sid"]]
    assert found == (others if LAMBDAS in others else [*others, OWN])


@pytest.mark.parametrize("text", ["", document([]), document(OTHERS)])
def test_a_policy_without_scar_s_statement_has_no_part_of_scar_s(text: str) -> None:
    assert policies.own_policy(text, DESIRED) == ""


def test_a_single_statement_may_be_without_a_list() -> None:
    text = json.dumps({"Version": "2008-10-17", "Id": "x", "Statement": LAMBDAS})
    assert same_policy(policies.own_policy(text, DESIRED), DESIRED)
    assert json.loads(policies.merge_policy(text, DESIRED))["Statement"] == [LAMBDAS]

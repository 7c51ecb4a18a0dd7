"""A trust policy names the services that can assume the role, in one of several forms."""

from __future__ import annotations

import pytest

from scar.aws.account.pass_role import trusts_service


def trust(principal: object, effect: str = "Allow") -> dict[str, object]:
    return {"Statement": [{"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"}]}


@pytest.mark.parametrize(
    "document",
    [
        trust({"Service": "lambda.amazonaws.com"}),
        trust({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}),
        trust({"Service": "lambda.amazonaws.com.cn"}),
        {"Statement": trust({"Service": "lambda.amazonaws.com"})["Statement"][0]},  # type: ignore[index]
        trust("*"),
    ],
)
def test_a_named_service_can_assume_the_role(document: object) -> None:
    assert trusts_service(document, "lambda")


@pytest.mark.parametrize(
    "document",
    [
        trust({"Service": "ec2.amazonaws.com"}),
        trust({"AWS": "arn:aws:iam::123456789012:root"}),
        trust({"Service": "lambda.amazonaws.com"}, effect="Deny"),
        {},
        "not a document",
    ],
)
def test_another_service_cannot_assume_the_role(document: object) -> None:
    assert not trusts_service(document, "lambda")

"""References to secrets: every form that is promised, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.aws.secret_references import SecretReference, parse_reference

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db/password-AbCdEf"
PARAMETER = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/team/token"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssm:/team/token", SecretReference(service="ssm", name="/team/token")),
        ("ssm:token_1.a-b", SecretReference(service="ssm", name="token_1.a-b")),
        (PARAMETER, SecretReference(service="ssm", name=PARAMETER, region="cn-north-1")),
        (SECRET, SecretReference(service="secretsmanager", name=SECRET, region="eu-west-1")),
        (
            f"{SECRET}:user::",
            SecretReference(
                service="secretsmanager", name=SECRET, region="eu-west-1", json_key="user"
            ),
        ),
        (
            f"{SECRET}:user:AWSPREVIOUS:v-1",
            SecretReference(
                service="secretsmanager",
                name=SECRET,
                region="eu-west-1",
                json_key="user",
                stage="AWSPREVIOUS",
                version="v-1",
            ),
        ),
    ],
)
def test_every_form_is_understood(text: str, expected: SecretReference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "password",
        "ssm:",
        "ssm:a/b",
        "ssm:/a b",
        f"{SECRET}:::x:y",
        "arn:aws:s3:::bucket",
        "arn:aws:secretsmanager:eu-west-1:12:secret:x",
        "arn:aws:ssm:eu-west-1:123456789012:document/x",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no reference to a secret|is not the name of a"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("part", "complete"), [(":user", ":user::"), (":user:x", ":user:x:"), ("::x", "::x:")]
)
def test_a_part_of_the_suffix_is_refused_with_all_of_it(part: str, complete: str) -> None:
    with pytest.raises(ValueError, match=f"as in '{SECRET}{complete}'"):
        parse_reference(f"{SECRET}{part}")


@given(st.text())
def test_any_text_is_a_reference_or_a_value_error(text: str) -> None:
    try:
        found = parse_reference(text)
    except ValueError:
        return
    assert found.name
    assert found.name in text

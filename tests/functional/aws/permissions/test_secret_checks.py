"""Secrets that do not exist are warned of before a deployment; no value is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.deploy import init
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function, fail_next_call

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages

ACCOUNT = "arn:aws:{}:eu-west-1:123456789012:{}"


def warnings(
    connection: AwsConnection, images: FakeImages, references: dict[str, str]
) -> list[str]:
    messages: list[str] = []
    function = changed(a_function(), secrets=references)
    init([function], connection, messages.append, images=images, dry_run=True)
    return [line for line in messages if "lambda.container.secrets" in line]


@pytest.fixture
def stored(connection: AwsConnection) -> str:
    """Store parameters and a secret; return the secret's ARN."""
    ssm: Any = connection.client("ssm")
    manager: Any = connection.client("secretsmanager")
    for name in ("/db/password", "plain"):
        ssm.put_parameter(Name=name, Value="hunter2", Type="SecureString")
    return str(manager.create_secret(Name="token", SecretString="hunter2")["ARN"])


def test_secrets_that_exist_are_not_warned_of(
    connection: AwsConnection, images: FakeImages, stored: str
) -> None:
    references = {
        "A": "ssm:/db/password",
        "B": "ssm:plain",
        "C": ACCOUNT.format("ssm", "parameter/db/password"),
        "D": ACCOUNT.format("ssm", "parameter/plain"),
        "E": stored,
        "F": f"{stored}:user::",
    }
    assert warnings(connection, images, references) == []


def test_each_secret_that_does_not_exist_is_warned_of(
    connection: AwsConnection, images: FakeImages, stored: str
) -> None:
    absent = {
        "A": "ssm:/absent",
        "B": ACCOUNT.format("ssm", "parameter/absent"),
        "C": ACCOUNT.format("secretsmanager", "secret:absent"),
    }
    found = warnings(connection, images, {**absent, "GOOD": stored, "ALSO": "ssm:plain"})
    assert found == [
        f"Warning: crop: {reference} of the variable {name} (lambda.container.secrets) does not"
        " exist in this account and Region: runs fail until it does."
        for name, reference in absent.items()
    ]


def test_secrets_that_cannot_be_looked_up_are_not_warned_of(
    connection: AwsConnection, images: FakeImages, stored: str
) -> None:
    elsewhere = {
        "A": "arn:aws:ssm:us-east-1:123456789012:parameter/absent",
        "B": "arn:aws:secretsmanager:eu-west-1:999999999999:secret:absent",
    }
    assert warnings(connection, images, elsewhere) == []
    fail_next_call(connection, "ssm", "DescribeParameters", "AccessDeniedException")
    fail_next_call(connection, "secretsmanager", "DescribeSecret", "AccessDeniedException")
    absent = {"A": "ssm:/absent", "B": ACCOUNT.format("secretsmanager", "secret:absent")}
    assert warnings(connection, images, absent) == []

"""A published report contains no account id, credentials, or names of persons and machines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance.kit.redaction import redact

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "P", "Zs")), max_size=20)
SEPARATOR = st.sampled_from([" ", "/", ":", '"', "'", "\n", ",", "(", "-", "_", "="])
ACCOUNTS = st.from_regex("[0-9]{12}", fullmatch=True)
KEYS = st.from_regex("(AKIA|ASIA|AROA)[A-Z2-7]{16}", fullmatch=True)
SECRETS = st.from_regex("[A-Za-z0-9/+]{40}", fullmatch=True)


@given(TEXT, SEPARATOR, ACCOUNTS, SEPARATOR)
def test_account_ids_are_removed_wherever_they_stand(
    text: str, before: str, account: str, after: str
) -> None:
    whole = f"{text}{before}{account}{after}{text}"
    assert account not in str(redact(whole))
    assert account not in json.dumps(redact({whole: [{"x": whole}]}))


@given(TEXT, st.sampled_from(["", "x", " ", "/", "arn:aws:iam::"]), KEYS)
def test_access_keys_and_unique_ids_are_removed(text: str, before: str, key: str) -> None:
    assert key not in str(redact(f"{text}{before}{key} {text}"))


@given(st.sampled_from([" ", '"', "'", "\n", ":", ","]), SECRETS)
def test_secret_keys_are_removed(around: str, secret: str) -> None:
    assert secret not in str(redact(f"key{around}{secret}{around}"))


@pytest.mark.parametrize(
    "text",
    [
        "AWS_SESSION_TOKEN=PRIVATE",
        "password: PRIVATE",
        '{"SecretAccessKey": "PRIVATE"}',
        "https://x/?X-Amz-Signature=PRIVATE&y=1",
        "arn:aws:iam::123456789012:user/PRIVATE",
        "arn:aws:sts::123456789012:assumed-role/Admin/PRIVATE",
        "arn:aws-cn:iam::123456789012:role/path/PRIVATE, x",
        "mail to PRIVATE@example.org",
        "at /home/PRIVATE/scar",
        "s3://bucket-PRIVATE/key",
    ],
)
def test_credentials_persons_and_given_words_are_removed(text: str) -> None:
    assert "PRIVATE" not in str(redact(text, {"/home/PRIVATE", "bucket-PRIVATE"}))


@pytest.mark.parametrize(
    "text",
    ["eu-west-1", "NoSuchEntity", "2026-11-29T12:19+00:00", "acc-80879c7a-one", "0.0123", ""],
)
def test_what_a_reader_needs_stays(text: str) -> None:
    assert redact(text, {""}) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(), st.lists))
def test_numbers_stay(value: object) -> None:
    assert repr(redact(value)) == repr(value)

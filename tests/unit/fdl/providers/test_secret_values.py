"""Secret values: their forms, and that no message has them."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scar.fdl.model import MinioProvider
from scar.fdl.values.addresses import is_unencrypted, normalize_address
from scar.fdl.values.secret_values import SecretOrigin, parse_secret
from scar.hidden_text import HiddenText

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lab-AbCdEf"


@pytest.mark.parametrize(
    ("text", "origin", "name"),
    [
        ("${env:KEY}", SecretOrigin.ENVIRONMENT, "KEY"),
        ("${ssm:/lab/key}", SecretOrigin.REFERENCE, "ssm:/lab/key"),
        (f"${{secretsmanager:{ARN}}}", SecretOrigin.REFERENCE, ARN),
        (f"${{secretsmanager:{ARN}:user::}}", SecretOrigin.REFERENCE, f"{ARN}:user::"),
        (
            "${ssm:arn:aws:ssm:eu-west-1:123456789012:parameter/a}",
            SecretOrigin.REFERENCE,
            "arn:aws:ssm:eu-west-1:123456789012:parameter/a",
        ),
    ],
)
def test_references_are_parsed(text: str, origin: SecretOrigin, name: str) -> None:
    found = parse_secret(text)
    assert (found.origin, found.name, found.text.reveal()) == (origin, name, "")


@given(st.text(min_size=1))
def test_any_text_is_the_value_or_refused_without_it(text: str) -> None:
    found, message = None, ""
    try:
        found = parse_secret(text)
    except ValueError as error:
        message = str(error)
    if found is None:
        # References name no secret: their text is shown.
        assert len(text) < 4 or text not in message or text.startswith("${")
    else:
        assert found.name or found.text.reveal() == text


@given(st.text(alphabet="#%&=?xyzXYZ789", min_size=8, max_size=40))
def test_errors_of_pydantic_do_not_have_the_values(secret: str) -> None:
    for values in ({"secret_key": [secret]}, {"secret": secret}, secret):
        with pytest.raises(ValidationError) as caught:
            MinioProvider.model_validate(values)
        assert secret not in f"{caught.value}{caught.value!r}"


def test_a_hidden_text_is_shown_nowhere() -> None:
    @dataclass
    class Holder:
        text: HiddenText

    hidden = HiddenText("hunter2")
    shown = f"{hidden} {hidden!r} {Holder(hidden)} {asdict(Holder(hidden))} {copy.deepcopy(hidden)}"
    assert "hunter2" not in shown
    with pytest.raises(TypeError):
        json.dumps(asdict(Holder(hidden)))
    with pytest.raises(TypeError):
        pickle.dumps(hidden)
    assert hidden == HiddenText("hunter2") != HiddenText("other")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("minio.example.org", "https://minio.example.org"),
        ("minio.example.org:9000", "https://minio.example.org:9000"),
        ("HTTP://h:80/", "http://h:80"),
        ("https://[::1]:9000", "https://[::1]:9000"),
        ("cloud.example.org/dav/ana/", "https://cloud.example.org/dav/ana"),
    ],
)
def test_addresses_are_normalized(text: str, url: str) -> None:
    assert normalize_address(text) == url


@given(st.text(max_size=30))
def test_any_address_is_a_url_or_refused(text: str) -> None:
    try:
        url = normalize_address(text)
    except ValueError:
        return
    assert not url or url.startswith(("https://", "http://"))
    assert normalize_address(url) == url
    is_unencrypted(url)

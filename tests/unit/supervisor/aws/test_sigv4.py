"""Signatures are those of botocore, byte for byte, on generated requests."""

from __future__ import annotations

import calendar
import hashlib
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as TheirCredentials
from hypothesis import given
from hypothesis import strategies as st

from supervisor.aws.request import (
    UNSIGNED_PAYLOAD,
    AwsRequest,
    FileSlice,
    Origin,
    compute_checksums,
)
from supervisor.aws.sigv4 import Credentials, CredentialScope, sign
from supervisor.descriptors import open_path

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
keys = st.one_of(
    text.filter(bool),
    st.sampled_from(
        [
            "a b",
            "a+b",
            "a%2Bb",
            "日本/ü😀",
            "x" * 1024,
            "é" * 512,
            "~",
            "a//b/../c",
            "/",
            "a/",
            "a/./",
        ]
    ),
)
queries = st.lists(st.tuples(text.filter(bool), text), max_size=4, unique_by=lambda pair: pair[0])
visible = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
headers = st.dictionaries(
    st.sampled_from(
        ["content-type", "range", "if-match", "x-amz-meta-a", "x-amz-meta-b", "user-agent"]
    ),
    visible.map(str.strip).filter(bool),
)
origins = st.sampled_from(
    [
        Origin("https", "data.s3.eu-west-1.amazonaws.com", 443),
        Origin("http", "127.0.0.1", 4566),
        Origin("https", "localhost", 9000),
        Origin("http", "minio", 80),
    ]
)
credentials = st.builds(
    Credentials,
    access_key=st.just("AKIDEXAMPLE"),
    secret_key=visible.filter(bool),
    token=st.sampled_from(["", "a+token/with=signs"]),
)
requests = st.builds(
    AwsRequest,
    method=st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
    origin=origins,
    path=keys.map(lambda key: f"/{key}"),
    query=queries.map(tuple),
    headers=headers,
    body=st.binary(max_size=64),
)


def botocore_request(
    request: AwsRequest, keys: Credentials, scope: CredentialScope, *, unsigned: bool
) -> AWSRequest:
    signed = AWSRequest(
        method=request.method,
        url=f"{request.origin}{quote(request.path, safe='/~')}",
        params=dict(request.query),
        headers=dict(request.headers),
        data=request.body,
    )
    signed.context["client_config"] = Config(s3={"payload_signing_enabled": not unsigned})
    signer = S3SigV4Auth if scope.service == "s3" else SigV4Auth
    known = TheirCredentials(keys.access_key, keys.secret_key, keys.token or None)
    signer(known, scope.service, scope.region).add_auth(signed)
    return signed


def moment(request: AWSRequest) -> float:
    return calendar.timegm(time.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))


@given(requests, credentials)
def test_s3_requests_are_signed_as_botocore_signs_them(
    request: AwsRequest, keys: Credentials
) -> None:
    scope = CredentialScope("eu-west-1", "s3")
    reference = botocore_request(request, keys, scope, unsigned=False)
    ours = sign(request, credentials=keys, scope=scope, timestamp=moment(reference))
    assert ours["authorization"] == reference.headers["Authorization"]
    assert ours["x-amz-content-sha256"] == reference.headers["X-Amz-Content-SHA256"]


@given(requests, credentials)
def test_requests_of_other_services_are_signed_as_botocore_signs_them(
    request: AwsRequest, keys: Credentials
) -> None:
    scope = CredentialScope("us-gov-west-1", "batch")
    reference = botocore_request(request, keys, scope, unsigned=False)
    ours = sign(request, credentials=keys, scope=scope, timestamp=moment(reference))
    assert ours["authorization"] == reference.headers["Authorization"]
    assert "x-amz-content-sha256" not in ours


def test_unsigned_payloads_are_signed_as_botocore_signs_them() -> None:
    keys = Credentials(access_key="AKIDEXAMPLE", secret_key="secret", token="token")
    scope = CredentialScope("eu-west-1", "s3")
    request = AwsRequest(
        method="PUT",
        origin=Origin("https", "s3.eu-west-1.amazonaws.com", 443),
        path="/data/key",
        body=b"anything",
        known_payload_hash=UNSIGNED_PAYLOAD,
    )
    reference = botocore_request(request, keys, scope, unsigned=True)
    ours = sign(request, credentials=keys, scope=scope, timestamp=moment(reference))
    assert reference.headers["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"
    assert ours["authorization"] == reference.headers["Authorization"]


@given(st.binary(max_size=5000), st.integers(0, 100), st.integers(0, 100))
def test_a_file_part_is_hashed_like_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, before: int, after: int
) -> None:
    path: Path = tmp_path_factory.mktemp("part") / "file"
    path.write_bytes(b"<" * before + data + b">" * after)
    with open_path(path) as file:
        part = FileSlice(file, before, len(data))
        assert b"".join(part.chunks()) == data
        plain = compute_checksums(part, is_tls=False)
        assert plain == compute_checksums(data, is_tls=True)
        assert plain.payload_hash == hashlib.sha256(data).hexdigest()
        assert compute_checksums(part, is_tls=True).payload_hash == UNSIGNED_PAYLOAD


def test_no_secret_shows_in_the_repr_of_credentials() -> None:
    shown = repr(Credentials(access_key="AK", secret_key="hidden", token="covered"))
    assert "hidden" not in shown
    assert "covered" not in shown

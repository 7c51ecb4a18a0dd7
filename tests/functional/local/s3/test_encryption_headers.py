"""The local S3 stores and returns encryption headers, and enforces policies that require them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.s3.protocol.bucket_policy import check_encryption_policy
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.service import S3Service
from supervisor.errors import StorageError
from supervisor.model import BucketEncryption, ObjectRef, VersionPin
from supervisor.storage import s3 as store_module
from tests.functional.local.s3.serve import AuthenticatedS3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from supervisor.storage.s3 import S3Store

KEY_ID = "AKIALOCAL00000000001"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HEADER = "s3:x-amz-server-side-encryption"
MIB = 1 << 20


def deny(condition: object, action: object = "s3:PutObject") -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": "arn:aws:s3:::photos/*",
        "Condition": condition,
    }


WITHOUT_HEADER = deny({"Null": {HEADER: "true"}})
NOT_KMS = deny({"StringNotEquals": {HEADER: "aws:kms"}})


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    service = S3Service(
        tmp_path / "s3",
        "123456789012",
        deliver=lambda _arn, _payload, _trace: None,
        destination_exists=lambda _: True,
    )
    server = HttpServer(AuthenticatedS3(service))
    yield f"http://127.0.0.1:{server.start()}"
    server.close()
    service.close()


@pytest.fixture
def s3(url: str) -> S3Client:
    session = boto3.Session(KEY_ID, derive_secret_key(b"k", KEY_ID), region_name="us-east-1")
    client = session.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}))
    client.create_bucket(Bucket="photos")
    return client


def apply_policy(s3: S3Client, *statements: object) -> None:
    policy = {"Version": "2012-10-17", "Statement": statements}
    s3.put_bucket_policy(Bucket="photos", Policy=json.dumps(policy))


def a_store(url: str, *encryption: BucketEncryption) -> S3Store:
    environ = {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": derive_secret_key(b"k", KEY_ID),
    }
    return store_module.connect(environ, encryption=encryption)


def test_the_encryption_of_an_object_is_returned_by_writes_and_reads(s3: S3Client) -> None:
    put = s3.put_object(
        Bucket="photos", Key="a", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=KMS_KEY
    )
    head = s3.head_object(Bucket="photos", Key="a")
    for answer in (put, head):
        assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", KMS_KEY)
    created = s3.create_multipart_upload(Bucket="photos", Key="b", ServerSideEncryption="aws:kms")
    assert created["ServerSideEncryption"] == "aws:kms"
    upload: Any = {"Bucket": "photos", "Key": "b", "UploadId": created["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    parts: Any = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert done["ServerSideEncryption"] == "aws:kms"
    assert s3.head_object(Bucket="photos", Key="b")["ServerSideEncryption"] == "aws:kms"
    assert s3.put_object(Bucket="photos", Key="c")["ServerSideEncryption"] == "AES256"


def test_a_key_without_kms_is_refused(s3: S3Client) -> None:
    with pytest.raises(ClientError, match=r"requires HTTP header .* : aws:kms"):
        s3.put_object(Bucket="photos", Key="a", SSEKMSKeyId=KMS_KEY)


@pytest.mark.parametrize("operation", ["put_object", "create_multipart_upload", "copy_object"])
def test_every_way_to_write_is_denied_without_the_header(s3: S3Client, operation: str) -> None:
    s3.put_object(Bucket="photos", Key="source")
    apply_policy(s3, WITHOUT_HEADER)
    source = {"CopySource": "photos/source"} if operation == "copy_object" else {}
    write = getattr(s3, operation)
    with pytest.raises(ClientError) as caught:
        write(Bucket="photos", Key="a", **source)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert "with an explicit deny in a resource-based policy" in str(caught.value)
    write(Bucket="photos", Key="a", ServerSideEncryption="AES256", **source)


@pytest.mark.parametrize("size", [0, 10, 12 * MIB])
def test_the_supervisor_s_writes_satisfy_the_policy(
    s3: S3Client, url: str, tmp_path: Path, size: int
) -> None:
    apply_policy(s3, WITHOUT_HEADER, NOT_KMS)
    file, ref = tmp_path / "file", ObjectRef("s3", "photos", "out/a")
    file.write_bytes(b"x" * size)
    chosen = BucketEncryption(bucket="photos", algorithm="aws:kms", key_id=KMS_KEY)
    small_parts = {"multipart_threshold": 5 * MIB, "min_part_size": 5 * MIB}
    plain = replace(a_store(url), **small_parts)  # type: ignore[arg-type]
    with pytest.raises(StorageError) as caught:
        plain.upload(file, ref)
    assert "set sse (AES256 or aws:kms) of the output" in caught.value.remedy
    assert not s3.list_multipart_uploads(Bucket="photos").get("Uploads")
    store = replace(a_store(url, chosen), **small_parts)  # type: ignore[arg-type]
    store.upload(file, ref)
    head = s3.head_object(Bucket="photos", Key="out/a")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KMS_KEY)
    assert head["ContentLength"] == size
    store.write(replace(ref, key="record"), b"1")
    store.download(ref, tmp_path / "again", version=VersionPin())
    assert (tmp_path / "again").stat().st_size == size


def is_denied(statement: object, **headers: str) -> bool:
    document = json.dumps({"Statement": statement}).encode()
    names = {f"x-amz-server-side-encryption{n.strip('_')}": v for n, v in headers.items()}
    try:
        check_encryption_policy(document, "photos", "a", names)
    except S3Error:
        return True
    return False


KEY_HEADER = {"-aws-kms-key-id": KMS_KEY}
DENIED_BY_KEY = deny({"ArnNotLikeIfExists": {f"{HEADER}-aws-kms-key-id": "arn:*:key/other"}})


@pytest.mark.parametrize(
    ("statement", "headers", "denied"),
    [
        (WITHOUT_HEADER, {}, True),
        (WITHOUT_HEADER, {"_": "AES256"}, False),
        (NOT_KMS, {}, True),
        (NOT_KMS, {"_": "AES256"}, True),
        (NOT_KMS, {"_": "aws:kms"}, False),
        (deny({"StringNotEqualsIfExists": {HEADER: ["aws:kms"]}}), {}, True),
        (deny({"StringNotEqualsIfExists": {HEADER: ["aws:kms"]}}), {"_": "AES256"}, True),
        (deny({"StringEquals": {HEADER: "AES256"}}), {"_": "AES256"}, True),
        (deny({"StringNotLike": {HEADER: "aws:kms*"}}), {"_": "aws:kms:dsse"}, False),
        (deny({"Null": {HEADER: True}}, ["s3:Put*"]), {}, True),
        (deny({"Null": {HEADER: "true"}}, "s3:*"), {}, True),
        (deny({"Null": {HEADER: "true"}}, "s3:GetObject"), {}, False),
        (deny({"Null": {HEADER.upper(): "true"}}), {}, True),
        (DENIED_BY_KEY, {"_": "aws:kms"}, True),
        (DENIED_BY_KEY, {"_": "aws:kms", "-aws-kms-key-id": "arn:x:key/other"}, False),
        (DENIED_BY_KEY, {"_": "aws:kms", **KEY_HEADER}, True),
        ([deny({"Bool": {"aws:SecureTransport": "false"}})], {}, False),
        ([deny({"Null": {HEADER: "true"}, "Bool": {"aws:SecureTransport": "false"}})], {}, False),
        ({**WITHOUT_HEADER, "Effect": "Allow"}, {}, False),
        ({**WITHOUT_HEADER, "Resource": "arn:aws:s3:::other/*"}, {}, False),
        ({**WITHOUT_HEADER, "Principal": {"AWS": "arn:aws:iam::1:role/x"}}, {}, False),
        ({**WITHOUT_HEADER, "Condition": {}}, {}, False),
    ],
)
def test_statements_are_evaluated_as_iam_does(
    statement: object, headers: dict[str, str], *, denied: bool
) -> None:
    assert is_denied(statement, **headers) is denied


texts = st.sampled_from(["Deny", "*", "s3:PutObject", "arn:aws:s3:::photos/*", HEADER, "true", ""])
odd = st.recursive(
    texts | st.none() | st.booleans() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Effect", "Principal", "Action", "Resource", "Condition", "Null", HEADER]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(statement=odd)
def test_odd_statements_deny_or_have_no_effect(statement: object) -> None:
    assert is_denied(statement) in (True, False)

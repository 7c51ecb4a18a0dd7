# ruff: noqa: ANN401  boto3's parameters and responses are untyped dictionaries
"""The parts of S3 that scar uses, tested with the local cloud's S3 and moto, over http and https.

Tests with the fixture ``s3`` run against both. Those with ``ours`` run against the local cloud's
only; each states where moto differs from AWS.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import itertools
import json
import ssl
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
import trustme
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.s3.service import S3Service
from tests.conformance.object_store_endpoints import reset_moto_s3
from tests.functional.local.s3.serve import AuthenticatedS3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

ACCOUNT = "123456789012"
KEY_ID = "AKIALOCAL00000000001"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
MIB = 1 << 20
numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running S3 API; ``events`` are the payloads of the events that it delivered."""

    client: S3Client
    url: str
    certificate: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def bucket(self) -> str:
        name = f"bucket-{next(numbers)}"
        self.client.create_bucket(Bucket=name)
        return name


def connect(url: str, certificate: str) -> S3Client:
    session = boto3.Session(KEY_ID, derive_secret_key(b"k", KEY_ID), region_name="us-east-1")
    return session.client(
        "s3",
        endpoint_url=url,
        verify=certificate or None,
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            max_pool_connections=4,
        ),
    )


@contextlib.contextmanager
def own_server(folder: Path, tls: ssl.SSLContext | None, certificate: str) -> Iterator[S3Server]:
    events: list[dict[str, Any]] = []
    service = S3Service(
        folder,
        ACCOUNT,
        deliver=lambda _, payload, _trace: events.append(json.loads(payload)),
        destination_exists=lambda arn: arn == FUNCTION,
    )
    server = HttpServer(AuthenticatedS3(service), tls=tls)
    url = f"http{'s' if tls else ''}://127.0.0.1:{server.start()}"
    client = connect(url, certificate)
    try:
        yield S3Server(client=client, url=url, certificate=certificate, events=events)
    finally:
        client.close()
        server.close()
        service.close()


@contextlib.contextmanager
def moto_server(tls: ssl.SSLContext | None, certificate: str) -> Iterator[S3Server]:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    client = connect(url, certificate)
    try:
        yield S3Server(client=client, url=url, certificate=certificate)
    finally:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()
        reset_moto_s3()


@contextlib.contextmanager
def secure(folder: Path, scheme: str) -> Iterator[tuple[ssl.SSLContext | None, str]]:
    if scheme == "http":
        yield None, ""
        return
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    yield context, str(path)


@pytest.fixture(scope="module", params=["http", "https"])
def ours(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("ours")
    with (
        secure(folder, request.param) as (tls, certificate),
        own_server(folder / "s3", tls, certificate) as server,
    ):
        yield server


@pytest.fixture(scope="module", params=["ours-http", "ours-https", "moto-http", "moto-https"])
def s3(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    kind, _, scheme = request.param.partition("-")
    folder = tmp_path_factory.mktemp("s3")
    with secure(folder, scheme) as (tls, certificate):
        started = (
            own_server(folder / "s3", tls, certificate)
            if kind == "ours"
            else moto_server(tls, certificate)
        )
        with started as server:
            yield server


def refused(call: Callable[[], object]) -> tuple[int, str]:
    """Return the status and the code of the error that the call raises."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def names(page: Any) -> list[str]:
    return [each["Key"] for each in page.get("Contents", [])]


# Objects


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 300_000])
def test_an_object_is_read_back_unchanged(s3: S3Server, size: int) -> None:
    bucket, data = s3.bucket(), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    put = s3.client.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.client.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert got["ContentLength"] == size
    assert put["ETag"] == got["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'  # noqa: S324
    assert s3.client.head_object(Bucket=bucket, Key="k")["ContentLength"] == size


@pytest.mark.parametrize(
    "key",
    ["a b", "a+b", "a%2Bb", "ä/ü 漢字", "a//b", "/a", "a/../b", "a?b#c&d=e", "x/", "k" * 1024],
)
def test_any_key_is_stored_unchanged(s3: S3Server, key: str) -> None:
    bucket = s3.bucket()
    s3.client.put_object(Bucket=bucket, Key=key, Body=b"1")
    assert s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"1"
    assert names(s3.client.list_objects_v2(Bucket=bucket)) == [key]
    s3.client.delete_object(Bucket=bucket, Key=key)
    assert s3.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_missing_object_is_no_such_key_and_a_missing_bucket_no_such_bucket(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    assert refused(lambda: client.get_object(Bucket=bucket, Key="k")) == (404, "NoSuchKey")
    assert refused(lambda: client.head_object(Bucket=bucket, Key="k")) == (404, "404")
    missing = "bucket-that-is-not-there"
    assert refused(lambda: client.get_object(Bucket=missing, Key="k")) == (404, "NoSuchBucket")
    assert refused(lambda: client.put_object(Bucket=missing, Key="k")) == (404, "NoSuchBucket")
    assert refused(lambda: client.list_objects_v2(Bucket=missing)) == (404, "NoSuchBucket")
    assert refused(lambda: client.head_bucket(Bucket=missing)) == (404, "404")


def test_metadata_headers_and_tags_stay_with_the_object(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    client.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"x",
        Metadata={"scar-run": "f/2026-11-21/abc"},
        ContentType="text/plain",
        CacheControl="no-cache",
        ContentEncoding="gzip",
        Tagging="a=1&b=2%203",
    )
    head = client.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == {"scar-run": "f/2026-11-21/abc"}
    assert head["ContentType"] == "text/plain"
    assert head["CacheControl"] == "no-cache"
    assert head["ContentEncoding"] == "gzip"
    tags = client.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2 3"}]
    client.put_object_tagging(
        Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": ""}]}
    )
    assert client.get_object(Bucket=bucket, Key="k")["TagCount"] == 1
    client.delete_object_tagging(Bucket=bucket, Key="k")
    assert client.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


@pytest.mark.parametrize(
    ("requested", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=90-", 90, 100), ("bytes=-7", 93, 100),
     ("bytes=50-1000", 50, 100)],
)  # fmt: skip
def test_a_range_returns_these_bytes(s3: S3Server, requested: str, start: int, end: int) -> None:
    bucket, data = s3.bucket(), bytes(range(100))
    s3.client.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.client.get_object(Bucket=bucket, Key="k", Range=requested)
    assert got["Body"].read() == data[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/100"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_range_beyond_the_end_is_rejected(s3: S3Server) -> None:
    bucket = s3.bucket()
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"12345")
    answer = refused(lambda: s3.client.get_object(Bucket=bucket, Key="k", Range="bytes=5-"))
    assert answer == (416, "InvalidRange")


def test_deleting_a_missing_object_is_no_error(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    client.put_object(Bucket=bucket, Key="a")
    client.delete_object(Bucket=bucket, Key="a")
    client.delete_object(Bucket=bucket, Key="a")
    client.put_object(Bucket=bucket, Key="b c+d")
    answer = client.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "b c+d"}, {"Key": "none"}]}
    )
    assert sorted(each["Key"] for each in answer["Deleted"]) == ["b c+d", "none"]
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_form_content_type_does_not_change_the_body(ours: S3Server) -> None:
    """moto stores an empty body."""
    bucket, kind = ours.bucket(), "application/x-www-form-urlencoded"
    ours.client.put_object(Bucket=bucket, Key="k", Body=b"a=1&b=2", ContentType=kind)
    assert ours.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"a=1&b=2"


def test_presigned_urls_put_and_get(s3: S3Server) -> None:
    bucket = s3.bucket()
    params = {"Bucket": bucket, "Key": "a b+c"}
    verify = s3.certificate or True
    url = s3.client.generate_presigned_url("put_object", Params=params)
    assert requests.put(url, data=b"hello", verify=verify, timeout=60).status_code == 200
    url = s3.client.generate_presigned_url("get_object", Params=params)
    assert requests.get(url, verify=verify, timeout=60).content == b"hello"


# Conditions


def test_if_none_match_writes_once(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    client.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    again = refused(lambda: client.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*"))
    assert again == (412, "PreconditionFailed")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"


def test_if_match_writes_over_that_state_only(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    client.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    stale = refused(lambda: client.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag))
    assert stale == (412, "PreconditionFailed")


def test_if_match_on_nothing_is_no_such_key(s3: S3Server) -> None:
    bucket = s3.bucket()
    answer = refused(lambda: s3.client.put_object(Bucket=bucket, Key="k", IfMatch='"abc"'))
    assert answer == (404, "NoSuchKey")


def test_reads_honour_their_conditions(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    client.get_object(Bucket=bucket, Key="k", IfMatch=etag)
    client.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"')
    missed = refused(lambda: client.get_object(Bucket=bucket, Key="k", IfMatch='"other"'))
    assert missed == (412, "PreconditionFailed")
    unchanged = refused(lambda: client.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag))
    assert unchanged == (304, "304")
    modified = client.head_object(Bucket=bucket, Key="k")["LastModified"]
    since = refused(lambda: client.head_object(Bucket=bucket, Key="k", IfModifiedSince=modified))
    assert since == (304, "304")


def test_copies_and_deletes_honour_their_conditions(ours: S3Server) -> None:
    """moto copies over an existing object in spite of If-None-Match and ignores If-Match."""
    client, bucket = ours.client, ours.bucket()
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    client.put_object(Bucket=bucket, Key="b", Body=b"2")
    source: CopySourceTypeDef = {"Bucket": bucket, "Key": "a"}

    def copy(**kwargs: Any) -> tuple[int, str]:
        return refused(
            lambda: client.copy_object(Bucket=bucket, Key="b", CopySource=source, **kwargs)
        )

    failed = (412, "PreconditionFailed")
    assert copy(IfNoneMatch="*") == failed
    assert copy(CopySourceIfMatch='"other"') == failed
    assert copy(CopySourceIfNoneMatch=etag) == failed
    client.copy_object(Bucket=bucket, Key="c", CopySource=source, IfNoneMatch="*")
    assert refused(lambda: client.delete_object(Bucket=bucket, Key="a", IfMatch='"x"')) == failed
    client.delete_object(Bucket=bucket, Key="a", IfMatch=etag)
    assert names(client.list_objects_v2(Bucket=bucket)) == ["b", "c"]


def test_of_many_writers_with_if_none_match_exactly_one_wins(ours: S3Server) -> None:
    """moto checks and writes in two steps."""
    bucket, results = ours.bucket(), list[str]()

    def write(number: int) -> None:
        try:
            body = bytes([number]) * 100_000
            ours.client.put_object(Bucket=bucket, Key="k", Body=body, IfNoneMatch="*")
            results.append(f"won {number}")
        except ClientError as error:
            results.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    winners = [each for each in results if each.startswith("won")]
    assert len(winners) == 1
    assert sorted(results)[:5] == ["PreconditionFailed"] * 5
    body = ours.client.get_object(Bucket=bucket, Key="k")["Body"].read()
    assert winners == [f"won {body[0]}"]


# Checksums


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_computed_and_returned_on_request(s3: S3Server, algorithm: Any) -> None:
    client, bucket = s3.client, s3.bucket()
    put = client.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    requested = client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert requested["Body"].read() == b"hello"
    assert requested[name] == put[name]  # type: ignore[literal-required]
    assert name not in client.head_object(Bucket=bucket, Key="k")


def test_a_wrong_checksum_is_a_bad_digest_and_nothing_is_stored(ours: S3Server) -> None:
    """moto does not compare."""
    client, bucket = ours.client, ours.bucket()
    wrong = base64.b64encode(b"\0\0\0\0").decode()
    bad = refused(lambda: client.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumCRC32=wrong))
    assert bad == (400, "BadDigest")
    md5 = base64.b64encode(hashlib.md5(b"y").digest()).decode()  # noqa: S324
    bad = refused(lambda: client.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=md5))
    assert bad == (400, "BadDigest")
    bad = refused(lambda: client.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="!"))
    assert bad == (400, "InvalidDigest")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


# Multipart


def multipart(client: S3Client, bucket: str, key: str, parts: list[bytes], **how: Any) -> Any:
    upload = client.create_multipart_upload(Bucket=bucket, Key=key, **how)["UploadId"]
    done = []
    for number, data in enumerate(parts, 1):
        part = client.upload_part(
            Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=data
        )
        sums = {name: value for name, value in part.items() if name.startswith("ChecksumCRC32")}
        done.append({"PartNumber": number, "ETag": part["ETag"], **(sums if how else {})})
    return client.complete_multipart_upload(
        Bucket=bucket,
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": done},  # type: ignore[typeddict-item]
    )


def test_a_multipart_object_is_its_parts_in_order(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    parts = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c" * 10]
    done = multipart(client, bucket, "k", parts)
    digests = b"".join(hashlib.md5(part).digest() for part in parts)  # noqa: S324
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'  # noqa: S324
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(parts)
    across = client.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}")
    assert across["Body"].read() == b"aabb"
    assert client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_the_checksum_of_a_multipart_object_comes_from_its_parts(ours: S3Server, kind: str) -> None:
    """moto makes no checksum a composite one."""
    client, bucket = ours.client, ours.bucket()
    parts = [b"a" * 5 * MIB, b"tail"]
    multipart(client, bucket, "k", parts, ChecksumAlgorithm="CRC32", ChecksumType=kind)
    head = client.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    digests = b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts)
    whole = b"".join(parts) if kind == "FULL_OBJECT" else digests
    expected = base64.b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode()
    assert head["ChecksumCRC32"] == expected + ("" if kind == "FULL_OBJECT" else "-2")
    assert head["ChecksumType"] == kind


def test_the_transfer_manager_uploads_and_downloads(s3: S3Server) -> None:
    bucket, data = s3.bucket(), bytes(range(256)) * 4096 * 11
    config = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=5 * MIB)
    s3.client.upload_fileobj(io.BytesIO(data), bucket, "k", Config=config)
    target = io.BytesIO()
    s3.client.download_fileobj(bucket, "k", target, Config=config)
    assert target.getvalue() == data


def test_parts_are_listed_replaced_and_aborted(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where: Any = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    client.upload_part(**where, PartNumber=2, Body=b"two")
    client.upload_part(**where, PartNumber=1, Body=b"one")
    client.upload_part(**where, PartNumber=1, Body=b"other")
    listed = client.list_parts(**where)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, 5), (2, 3)]
    uploads = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [each["UploadId"] for each in uploads] == [upload]
    client.abort_multipart_upload(**where)
    assert refused(lambda: client.list_parts(**where)) == (404, "NoSuchUpload")


def test_invalid_lists_of_parts_are_rejected(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where: Any = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [
        client.upload_part(**where, PartNumber=number, Body=b"small")["ETag"] for number in (1, 2)
    ]

    def complete(*parts: tuple[int, str]) -> tuple[int, str]:
        listed: Any = {"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in parts]}
        return refused(lambda: client.complete_multipart_upload(**where, MultipartUpload=listed))

    assert complete((1, tags[0]), (2, tags[1])) == (400, "EntityTooSmall")
    assert complete((1, tags[0]), (3, tags[1])) == (400, "InvalidPart")
    assert complete((1, '"0123"')) == (400, "InvalidPart")


def test_parts_must_be_in_order(ours: S3Server) -> None:
    """moto looks at the sizes first."""
    client, bucket = ours.client, ours.bucket()
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where: Any = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [client.upload_part(**where, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]
    parts: Any = {"Parts": [{"PartNumber": n, "ETag": tags[n - 1]} for n in (2, 1)]}
    answer = refused(lambda: client.complete_multipart_upload(**where, MultipartUpload=parts))
    assert answer == (400, "InvalidPartOrder")


def test_completing_honours_if_none_match(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where: Any = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    etag = client.upload_part(**where, PartNumber=1, Body=b"multi")["ETag"]
    client.put_object(Bucket=bucket, Key="k", Body=b"single")
    parts: Any = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    answer = refused(
        lambda: client.complete_multipart_upload(**where, MultipartUpload=parts, IfNoneMatch="*")
    )
    assert answer == (412, "PreconditionFailed")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"single"
    client.delete_object(Bucket=bucket, Key="k")
    client.complete_multipart_upload(**where, MultipartUpload=parts, IfNoneMatch="*")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"multi"


# Copies


def test_a_copy_has_the_bytes_and_the_metadata(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    body = b"x" * 100_000
    client.put_object(
        Bucket=bucket, Key="a b+c", Body=body, Metadata={"m": "1"}, ContentType="text/x"
    )
    source: CopySourceTypeDef = {"Bucket": bucket, "Key": "a b+c"}
    client.copy_object(Bucket=bucket, Key="same", CopySource=source)
    client.copy_object(
        Bucket=bucket,
        Key="new",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"m": "2"},
    )
    client.delete_object(Bucket=bucket, Key="a b+c")
    same = client.get_object(Bucket=bucket, Key="same")
    assert (same["Body"].read(), same["Metadata"], same["ContentType"]) == (
        body,
        {"m": "1"},
        "text/x",
    )
    assert client.head_object(Bucket=bucket, Key="new")["Metadata"] == {"m": "2"}
    missing_key = refused(lambda: client.copy_object(Bucket=bucket, Key="z", CopySource=source))
    assert missing_key == (404, "NoSuchKey")


def test_parts_can_be_copied_from_ranges(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    client.put_object(Bucket=bucket, Key="a", Body=b"0123456789" * MIB)
    upload = client.create_multipart_upload(Bucket=bucket, Key="b")["UploadId"]
    where: Any = {"Bucket": bucket, "Key": "b", "UploadId": upload}
    parts = []
    for number, span in enumerate(("bytes=0-5242879", "bytes=3-7"), 1):
        part = client.upload_part_copy(
            **where,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": "a"},
            CopySourceRange=span,
        )
        parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})  # type: ignore[typeddict-item]
    got = client.get_object(Bucket=bucket, Key="b")["Body"].read()
    assert got == (b"0123456789" * MIB)[: 5 * MIB] + b"34567"


# Lists


def test_a_listing_is_paged_in_the_order_of_utf8_bytes(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    keys = ["B", "a", "a b", "a/1", "a/2", "b", "z", "ä", "漢"]
    for key in reversed(keys):
        client.put_object(Bucket=bucket, Key=key)
    pages = list(
        client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": 4}
        )
    )
    assert [len(page["Contents"]) for page in pages] == [4, 4, 1]
    assert [key for page in pages for key in names(page)] == keys
    pages_1 = client.get_paginator("list_objects").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 4}
    )
    assert [key for page in pages_1 for key in names(page)] == keys
    assert names(client.list_objects_v2(Bucket=bucket, StartAfter="a/1", Prefix="a")) == ["a/2"]


def test_a_delimiter_rolls_keys_up(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    for key in ("in/a/1", "in/a/2", "in/b", "in/c/1", "input2/x"):
        client.put_object(Bucket=bucket, Key=key)
    page = client.list_objects_v2(Bucket=bucket, Prefix="in/", Delimiter="/")
    assert names(page) == ["in/b"]
    assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["in/a/", "in/c/"]
    found = []
    for part in client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="in/", Delimiter="/", PaginationConfig={"PageSize": 1}
    ):
        found += names(part) + [each["Prefix"] for each in part.get("CommonPrefixes", [])]
    assert found == ["in/a/", "in/b", "in/c/"]


def test_versions_of_an_unversioned_bucket_are_its_objects(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    client.put_object(Bucket=bucket, Key="k")
    versions = client.list_object_versions(Bucket=bucket)["Versions"]
    assert [(each["Key"], each["VersionId"]) for each in versions] == [("k", "null")]


# Buckets


def test_buckets_are_created_found_listed_and_deleted(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    client.head_bucket(Bucket=bucket)
    assert bucket in [each["Name"] for each in client.list_buckets()["Buckets"]]
    assert client.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    client.put_object(Bucket=bucket, Key="k")
    assert refused(lambda: client.delete_bucket(Bucket=bucket)) == (409, "BucketNotEmpty")
    client.delete_object(Bucket=bucket, Key="k")
    client.delete_bucket(Bucket=bucket)
    assert refused(lambda: client.head_bucket(Bucket=bucket)) == (404, "404")


def test_a_bucket_in_another_region_is_reported(s3: S3Server) -> None:
    name = f"bucket-{next(numbers)}"
    s3.client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert s3.client.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"


def test_a_bucket_is_created_with_its_tags_in_one_call(ours: S3Server) -> None:
    """moto drops the tags."""
    name, client = f"bucket-{next(numbers)}", ours.client
    configuration: Any = {"Tags": [{"Key": "a", "Value": "b c"}]}
    client.create_bucket(Bucket=name, CreateBucketConfiguration=configuration)
    assert client.get_bucket_tagging(Bucket=name)["TagSet"] == configuration["Tags"]
    # Created again in us-east-1, it is the same bucket without tags, and an error with tags.
    client.create_bucket(Bucket=name)
    again = refused(
        lambda: client.create_bucket(Bucket=name, CreateBucketConfiguration=configuration)
    )
    assert again == (409, "BucketAlreadyOwnedByYou")


def test_a_bucket_with_invalid_tags_is_not_created(ours: S3Server) -> None:
    name, client = f"bucket-{next(numbers)}", ours.client
    configuration: Any = {"Tags": [{"Key": "a&b", "Value": "c"}]}
    answer = refused(
        lambda: client.create_bucket(Bucket=name, CreateBucketConfiguration=configuration)
    )
    assert answer == (400, "InvalidTag")
    assert refused(lambda: client.head_bucket(Bucket=name)) == (404, "404")


@pytest.mark.parametrize("name", ["Upper-case", "a.", "192.168.0.1", "under_score", "xn--bucket"])
def test_invalid_bucket_names_are_rejected(ours: S3Server, name: str) -> None:
    """moto accepts most of them."""
    assert refused(lambda: ours.client.create_bucket(Bucket=name)) == (400, "InvalidBucketName")


def test_a_key_of_more_than_1024_bytes_is_rejected(ours: S3Server) -> None:
    """moto accepts 1,100 bytes."""
    bucket = ours.bucket()
    answer = refused(lambda: ours.client.put_object(Bucket=bucket, Key="ä" * 513))
    assert answer == (400, "KeyTooLongError")


def test_another_expected_bucket_owner_is_an_error(ours: S3Server) -> None:
    """moto ignores ExpectedBucketOwner."""
    client, bucket = ours.client, ours.bucket()
    client.put_object(Bucket=bucket, Key="k", ExpectedBucketOwner=ACCOUNT)
    answer = refused(
        lambda: client.put_object(Bucket=bucket, Key="k", ExpectedBucketOwner="999999999999")
    )
    assert answer == (403, "AccessDenied")


def test_documents_of_a_bucket_are_stored(s3: S3Server) -> None:
    client, bucket = s3.client, s3.bucket()
    absent = refused(lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket))
    assert absent == (404, "NoSuchLifecycleConfiguration")
    assert refused(lambda: client.get_bucket_tagging(Bucket=bucket)) == (404, "NoSuchTagSet")
    assert refused(lambda: client.get_bucket_policy(Bucket=bucket)) == (404, "NoSuchBucketPolicy")
    rule: Any = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "runs/"},
                 "Expiration": {"Days": 90}}  # fmt: skip
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}
    )
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rules[0]["Expiration"] == {"Days": 90}
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    blocked: Any = {"BlockPublicAcls": True, "IgnorePublicAcls": True,
                    "BlockPublicPolicy": True, "RestrictPublicBuckets": True}  # fmt: skip
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    got = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert got == blocked
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    client.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)
    client.delete_bucket_policy(Bucket=bucket)
    client.delete_bucket_tagging(Bucket=bucket)
    assert refused(lambda: client.get_bucket_tagging(Bucket=bucket)) == (404, "NoSuchTagSet")


def test_unsupported_operations_are_rejected_with_an_explanation(ours: S3Server) -> None:
    """moto emulates some of it and ignores the rest."""
    client, bucket = ours.client, ours.bucket()
    calls: list[Callable[[], object]] = [
        lambda: client.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
        ),
        lambda: client.get_bucket_website(Bucket=bucket),
        lambda: client.put_object(Bucket=bucket, Key="k", StorageClass="GLACIER"),
        lambda: client.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag"]),
    ]
    for call in calls:
        with pytest.raises(ClientError, match="does not emulate") as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "NotImplemented"


# Notifications


def rule(prefix: str = "", suffix: str = "", *, arn: str = FUNCTION, event: str = "*") -> Any:
    filters = [
        {"Name": name, "Value": value}
        for name, value in (("prefix", prefix), ("suffix", suffix))
        if value
    ]
    return {
        "LambdaFunctionArn": arn,
        "Events": [f"s3:ObjectCreated:{event}"],
        **({"Filter": {"Key": {"FilterRules": filters}}} if filters else {}),
    }


def notify(server: S3Server, bucket: str, *rules: Any) -> None:
    server.client.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": list(rules)}
    )


def test_a_notification_configuration_is_read_back(ours: S3Server) -> None:
    """moto returns the names of filter rules in lower case."""
    bucket = ours.bucket()
    notify(ours, bucket, {**rule("in/", ".txt"), "Id": "mine"}, rule("other/"))
    got = ours.client.get_bucket_notification_configuration(Bucket=bucket)
    first, second = got["LambdaFunctionConfigurations"]
    assert first == {
        "Id": "mine",
        "LambdaFunctionArn": FUNCTION,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {
            "Key": {
                "FilterRules": [
                    {"Name": "Prefix", "Value": "in/"},
                    {"Name": "Suffix", "Value": ".txt"},
                ]
            }
        },
    }
    assert second["Id"]
    notify(ours, bucket)
    got = ours.client.get_bucket_notification_configuration(Bucket=bucket)
    assert "LambdaFunctionConfigurations" not in got


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([rule("in/"), rule("in/sub/")], "Configuration is ambiguously defined"),
        ([rule(), rule("a", event="Put")], "Configuration is ambiguously defined"),
        ([rule("a", ".jpg"), rule("a", "x.jpg")], "Configuration is ambiguously defined"),
        ([rule(arn=FUNCTION + "2")], "Unable to validate the following destination"),
        ([rule(arn=FUNCTION.replace("us-east-1", "eu-west-1"))], "service region is not valid"),
        ([rule(event="Nothing")], "is not supported for notifications"),
        ([rule("x" * 1025)], "1024 bytes"),
    ],
)
def test_configurations_that_aws_rejects_are_rejected(
    ours: S3Server, rules: list[Any], sentence: str
) -> None:
    """moto accepts overlapping prefixes and unknown functions."""
    bucket = ours.bucket()
    with pytest.raises(ClientError, match=sentence) as caught:
        notify(ours, bucket, *rules)
    assert caught.value.response["Error"]["Code"] == "InvalidArgument"


def test_each_object_gives_one_event_as_aws_sends_it(ours: S3Server) -> None:
    """moto invokes within the request, encodes slashes, and sends an event for every part."""
    client, bucket = ours.client, ours.bucket()
    notify(ours, bucket, rule("in/"), rule("copies/", event="Copy"))
    client.put_object(Bucket=bucket, Key="out/none", Body=b"x")
    client.put_object(Bucket=bucket, Key="in/a b+ü", Body=b"hello")
    multipart(client, bucket, "in/big", [b"a" * 5 * MIB, b"b"])
    source: CopySourceTypeDef = {"Bucket": bucket, "Key": "in/big"}
    client.copy_object(Bucket=bucket, Key="copies/c", CopySource=source)
    client.delete_object(Bucket=bucket, Key="in/big")
    records = wait_for_events(ours, bucket, 3)
    assert [(record["eventName"], record["s3"]["object"]["key"]) for record in records] == [
        ("ObjectCreated:Put", "in/a+b%2B%C3%BC"),
        ("ObjectCreated:CompleteMultipartUpload", "in/big"),
        ("ObjectCreated:Copy", "copies/c"),
    ]
    first = records[0]
    assert first["s3"]["object"]["size"] == 5
    assert first["s3"]["object"]["eTag"] == hashlib.md5(b"hello").hexdigest()  # noqa: S324
    assert first["eventTime"].endswith("Z")
    assert first["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    sequencers = [record["s3"]["object"]["sequencer"] for record in records]
    assert sequencers == sorted(set(sequencers))
    assert {len(each) for each in sequencers} == {16}


def wait_for_events(server: S3Server, bucket: str, count: int) -> list[dict[str, Any]]:
    """Return the records of a bucket once it has ``count`` of them."""
    pause = threading.Event()
    found: list[dict[str, Any]] = []
    for _ in range(100):
        records = [r for message in list(server.events) for r in message["Records"]]
        found = [r for r in records if r["s3"]["bucket"]["name"] == bucket]
        if len(found) >= count:
            return found
        pause.wait(0.05)
    raise AssertionError(f"only {len(found)} of {count} events came")

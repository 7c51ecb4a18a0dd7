"""The S3 client for many objects at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client import errors as faults
from scar.transfer.errors import (
    BucketNotFoundError,
    BucketOwnerError,
    is_access_denied,
    translate_error,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from scar.aws.client.connection import AwsConnection

WORKERS = 64  # small files at once; more gains nothing with this SDK
PART_THREADS = 16  # parts of one large file at once
MULTIPART_THRESHOLD = 16 << 20  # bytes from which a file travels in parts


def transfer_client(connection: AwsConnection, owner: str = "") -> S3Client:
    """Make a client with a connection for each worker.

    It only reaches buckets of the account ``owner``, the caller's own if none is named. It does
    not send ``Expect: 100-continue``: waiting for permission to send costs small files a round
    trip each.
    """
    from botocore.handlers import add_expect_header

    from scar.aws.client.connection import add_expected_bucket_owner, client_config

    config = client_config(
        max_pool_connections=WORKERS + PART_THREADS,
        signature_version="s3v4",
        s3={"addressing_style": "path" if connection.endpoint_url else "auto"},
    )
    with faults.translate_errors("connect to s3"):
        client: S3Client = connection.session.client(
            "s3", endpoint_url=connection.endpoint_url, config=config
        )
    client.meta.events.unregister("before-call.s3", add_expect_header)
    add_expected_bucket_owner(client, lambda: owner or connection.account.id)
    return client


def require_bucket(client: S3Client, bucket: str) -> None:
    """Raise BucketNotFound, or OthersBucket; one that may not be asked about passes."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        code = faults.error_code(error)
        if code == "404":
            raise BucketNotFoundError(bucket) from error
        if not is_access_denied(error):
            raise translate_error(error, bucket, f"look at bucket {bucket}") from error
        if _exists_for_other_owner(client, bucket):
            raise BucketOwnerError(bucket) from error
    except BotoCoreError as error:
        raise translate_error(error, bucket, f"look at bucket {bucket}") from error


def _exists_for_other_owner(client: S3Client, bucket: str) -> bool:
    """Ask again whoever owns the bucket: S3 says no to the wrong owner as to no permission."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.head_bucket(Bucket=bucket, ExpectedBucketOwner="")
    except (BotoCoreError, ClientError):
        return False
    return True

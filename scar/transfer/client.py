"""Creates the S3 client for concurrent transfers, and checks buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.client.foreign_responses import refuse_foreign_responses
from scar.transfer.errors import (
    BucketNotFoundError,
    BucketOwnerError,
    is_access_denied,
    translate_error,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from scar.aws.client.connection import AwsConnection

WORKERS = 64  # concurrent small files; more are not faster with this SDK
PART_THREADS = 16  # concurrent parts of one large file
MULTIPART_THRESHOLD = 16 << 20  # bytes from which a file is transferred in parts


def transfer_client(connection: AwsConnection, owner: str = "") -> S3Client:
    """Return an S3 client with a connection for each worker.

    It only accesses buckets of the account ``owner``, by default the caller's account. It does not
    send ``Expect: 100-continue``, which would cost each small file a round trip.
    """
    from botocore.handlers import add_expect_header

    from scar.aws.client.connection import add_expected_bucket_owner, client_config

    config = client_config(
        max_pool_connections=WORKERS + PART_THREADS + 1,  # and one that lists
        signature_version="s3v4",
        s3={"addressing_style": "path" if connection.endpoint_url else "auto"},
    )
    with errors.translate_errors("connect to s3"):
        client: S3Client = connection.session.client(
            "s3", endpoint_url=connection.endpoint_url, config=config
        )
    client.meta.events.unregister("before-call.s3", add_expect_header)
    _announce_phases(client)
    add_expected_bucket_owner(client, lambda: owner or connection.account.id)
    refuse_foreign_responses(client)
    connection.waits.attach(client)
    return client


def _announce_phases(client: S3Client) -> None:
    """Call the body of each upload before its request is signed, and before it is sent.

    Signing reads the whole body; ``UploadBody`` counts only what is sent.
    """
    from s3transfer.utils import signal_not_transferring, signal_transferring

    events = client.meta.events
    # The ids are those that the SDK uses for its own uploads, so each is registered once.
    events.register_first(
        "request-created.s3", signal_not_transferring, unique_id="s3upload-not-transferring"
    )
    events.register_last(
        "request-created.s3", signal_transferring, unique_id="s3upload-transferring"
    )


def require_bucket(client: S3Client, bucket: str) -> None:
    """Raise BucketNotFoundError or BucketOwnerError.

    Returns for a bucket that exists but denies access, because the caller may have the permission
    to write to it all the same.
    """
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        code = errors.error_code(error)
        if code == "404":
            raise BucketNotFoundError(bucket) from error
        if not is_access_denied(error):
            raise translate_error(error, bucket, f"access bucket {bucket}") from error
        if _exists_for_other_owner(client, bucket):
            raise BucketOwnerError(bucket) from error
    except errors.SDK_ERRORS as error:
        raise translate_error(error, bucket, f"access bucket {bucket}") from error


def _exists_for_other_owner(client: S3Client, bucket: str) -> bool:
    """Return whether the bucket can be accessed if its owner is not checked.

    S3 returns 403 both for an unexpected owner and for a missing permission. Only in the first case
    does the same request succeed without ``ExpectedBucketOwner``.
    """
    try:
        client.head_bucket(Bucket=bucket, ExpectedBucketOwner="")
    except errors.SDK_ERRORS:
        return False
    return True

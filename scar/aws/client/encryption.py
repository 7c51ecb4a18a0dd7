"""Request server-side encryption for the objects that scar itself writes.

Some bucket policies, and policies of organizations, deny every PutObject without the header
``x-amz-server-side-encryption``, although S3 encrypts all objects anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_boto3_s3 import S3Client

    from supervisor.model import BucketEncryption

# For an upload in parts, S3 takes the encryption from CreateMultipartUpload.
_WRITES = ("PutObject", "CreateMultipartUpload")


def add_encryption(client: S3Client, encryption: Iterable[BucketEncryption]) -> None:
    """Request the encryption for all further objects that the client writes to these buckets.

    It replaces a default of ``add_default_encryption``.
    """
    by_bucket = {item.bucket: item for item in encryption}
    if by_bucket:
        _register(client, by_bucket.get, first=True)


def add_default_encryption(client: S3Client, algorithm: str, key_id: str) -> None:
    """Request the encryption for all further objects, of every bucket, that the client writes."""
    from supervisor.model import BucketEncryption

    _register(
        client,
        lambda bucket: BucketEncryption(bucket=bucket, algorithm=algorithm, key_id=key_id),
        first=False,
    )


def _register(
    client: S3Client, choose: Callable[[str], BucketEncryption | None], *, first: bool
) -> None:
    def add_parameters(params: dict[str, Any], **_: object) -> None:
        chosen = choose(str(params.get("Bucket", "")))
        if chosen is not None and "ServerSideEncryption" not in params:
            params |= _parameters(chosen)

    events = client.meta.events
    register = events.register_first if first else events.register
    for operation in _WRITES:
        register(f"provide-client-params.s3.{operation}", add_parameters)


def _parameters(encryption: BucketEncryption) -> Mapping[str, str]:
    parameters = {"ServerSideEncryption": encryption.algorithm}
    return parameters | ({"SSEKMSKeyId": encryption.key_id} if encryption.key_id else {})

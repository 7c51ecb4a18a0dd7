"""Presigned requests for single objects of S3: an upload of known size, and a download."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsError
from supervisor.aws.presign import presign
from supervisor.storage.s3_errors import translate_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.request import AwsRequest
    from supervisor.model import ObjectRef
    from supervisor.storage.s3_api import S3ObjectApi


def presign_upload(
    api: S3ObjectApi, ref: ObjectRef, size: int, *, expires: int
) -> tuple[str, Mapping[str, str]]:
    """Return the URL of one PUT of exactly ``size`` bytes, and the headers that it must have.

    S3 refuses a body of another size, because Content-Length is signed, and a second object.
    Raise StorageError without credentials.
    """
    headers = {
        "content-length": str(size),
        "if-none-match": "*",
        **api.encryption_headers(ref.bucket),
    }
    # Without the header of the expected owner, which would tell every caller the account's id.
    request = replace(api.build_request("PUT", ref), headers=headers)
    return _sign(api, request, ref, "s3:PutObject", expires), headers


def presign_download(api: S3ObjectApi, ref: ObjectRef, content_type: str, *, expires: int) -> str:
    """Return the URL of a GET of the object, which S3 answers with this content type."""
    request = api.build_request("GET", ref, query=(("response-content-type", content_type),))
    # Without the header of the expected owner: clients follow a redirection without headers.
    return _sign(api, replace(request, headers={}), ref, "s3:GetObject", expires)


def _sign(api: S3ObjectApi, request: AwsRequest, ref: ObjectRef, action: str, expires: int) -> str:
    try:
        credentials = api.client.credentials.get_credentials()
    except AwsError as error:
        raise translate_error(error, ref, action) from error
    return presign(
        request,
        credentials=credentials,
        region=api.client.region,
        timestamp=api.client.clock(),
        expires=expires,
    )

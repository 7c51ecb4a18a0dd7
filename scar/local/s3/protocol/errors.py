"""S3's error responses, with S3's own codes and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class S3Error(Exception):
    """A request is rejected; ``details`` become further elements of the error document."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details or {}


def no_such_bucket(bucket: str) -> S3Error:
    return S3Error(
        404,
        "NoSuchBucket",
        "The specified bucket does not exist",
        details={"BucketName": bucket},
    )


def no_such_key(key: str) -> S3Error:
    return S3Error(404, "NoSuchKey", "The specified key does not exist.", details={"Key": key})


def no_such_upload(upload_id: str) -> S3Error:
    return S3Error(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may"
        " have been aborted or completed.",
        details={"UploadId": upload_id},
    )


def precondition_failed(condition: str) -> S3Error:
    return S3Error(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        details={"Condition": condition},
    )


def conditional_request_conflict(key: str) -> S3Error:
    return S3Error(
        409,
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this"
        " resource.",
        details={"Key": key},
    )


def invalid_argument(message: str, *, name: str = "", value: str = "") -> S3Error:
    details = {"ArgumentName": name, "ArgumentValue": value} if name else {}
    return S3Error(400, "InvalidArgument", message, details=details)


def malformed_xml() -> S3Error:
    return S3Error(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def not_implemented(feature: str) -> S3Error:
    return S3Error(501, "NotImplemented", f"The local cloud does not emulate {feature}.")

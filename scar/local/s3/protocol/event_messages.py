"""S3's event messages. Source: S3 User Guide, "Event message structure"."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from scar.local.s3.protocol.xml import format_timestamp

if TYPE_CHECKING:
    from scar.local.s3.protocol.request import S3Request

OWNER = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
"""The canonical user id of the local account."""


class S3EventName(enum.StrEnum):
    """The events that the local cloud emits, named as in event records."""

    PUT = "ObjectCreated:Put"
    COPY = "ObjectCreated:Copy"
    COMPLETE = "ObjectCreated:CompleteMultipartUpload"
    DELETE = "ObjectRemoved:Delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """One change of one object; ``size`` and ``etag`` are None after a deletion.

    ``event_time`` is in epoch seconds.
    """

    event_name: S3EventName
    bucket: str
    region: str
    key: str
    event_time: float
    size: int | None = None
    etag: str | None = None


def build_event_message(
    change: ObjectChange, request: S3Request, rule_id: str, sequence: int
) -> bytes:
    """Return the JSON message for a destination: one record, times in UTC with milliseconds.

    ``sequence`` grows with each event; it becomes the record's ``sequencer``.
    """
    # S3 encodes keys like form values, except for the slash: "a b" becomes "a+b".
    stored: dict[str, str | int] = {"key": quote_plus(change.key, safe="/")}
    if change.size is not None and change.etag is not None:
        stored |= {"size": change.size, "eTag": change.etag}
    stored["sequencer"] = f"{sequence:016X}"
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": change.region,
        "eventTime": format_timestamp(change.event_time),
        "eventName": change.event_name.value,
        "userIdentity": {"principalId": f"AWS:{request.access_key or 'anonymous'}"},
        "requestParameters": {"sourceIPAddress": request.remote},
        "responseElements": {"x-amz-request-id": request.request_id, "x-amz-id-2": request.host_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule_id,
            "bucket": {
                "name": change.bucket,
                "ownerIdentity": {"principalId": OWNER[:14].upper()},
                "arn": f"arn:aws:s3:::{change.bucket}",
            },
            "object": stored,
        },
    }
    return json.dumps({"Records": [record]}).encode()

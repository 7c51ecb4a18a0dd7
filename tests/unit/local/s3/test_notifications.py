"""Notification rules from the handler through S3's XML: exactly a folder's keys match."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given

from scar.aws.handlers.notifications import NotificationHandler
from scar.aws.model.resources import BucketNotification
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.notifications import (
    DestinationKind,
    NotificationConfiguration,
    NotificationRule,
    check_configuration,
    parse_configuration,
    rules_overlap,
)
from tests.key_texts import FOLDER, FOLDERS, KEY_TEXT

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:crop"
S3_MODEL = botocore.session.get_session().get_service_model("s3")
SERIALIZER, PARSER = create_serializer("rest-xml"), create_parser("rest-xml")


class LocalBucket:
    """A bucket of the local S3, reached through botocore's XML instead of HTTP."""

    def __init__(self) -> None:
        self.configuration = NotificationConfiguration()

    def put_bucket_notification_configuration(self, **parameters: Any) -> None:  # noqa: ANN401
        operation = S3_MODEL.operation_model("PutBucketNotificationConfiguration")
        body: Any = SERIALIZER.serialize_to_request(parameters, operation)["body"]
        self.configuration = parse_configuration(body)
        check_configuration(self.configuration, "eu-west-1", lambda _: True)

    def get_bucket_notification_configuration(self, **_: str) -> Any:  # noqa: ANN401
        operation = S3_MODEL.operation_model("GetBucketNotificationConfiguration")
        response = AWSResponse("", 200, HTTPHeaders(), None)
        answer: Any = {
            "body": self.configuration.to_xml(),
            "headers": response.headers,
            "status_code": 200,
        }
        assert operation.output_shape is not None
        return PARSER.parse(answer, operation.output_shape)


def deployed_rule(prefix: str, suffix: str = "") -> NotificationRule:
    """Deploy a notification, assert that it is read back as it is, and return S3's rule."""
    desired = BucketNotification(
        name="photos/scar-crop-1", function_arn=ARN, prefix=prefix, suffix=suffix
    )
    bucket = LocalBucket()
    handler = NotificationHandler(bucket)  # type: ignore[arg-type]
    handler.create(desired)
    assert handler.read(desired) == desired
    (rule,) = bucket.configuration.rules
    return rule


def rule(prefix: str, suffix: str = "") -> NotificationRule:
    return NotificationRule(
        id="x",
        destination_kind=DestinationKind.FUNCTION,
        destination_arn=ARN,
        events=("s3:ObjectCreated:*",),
        prefix=prefix,
        suffix=suffix,
    )


@given(FOLDER, KEY_TEXT, KEY_TEXT, KEY_TEXT)
def test_exactly_the_keys_of_the_folder_start_the_function(
    folder: str, suffix: str, name: str, other: str
) -> None:
    deployed = deployed_rule(f"{folder}/", suffix)
    for key in (f"{folder}/{name}{suffix}", f"{folder}/{name}", other, f"{other}{suffix}", folder):
        expected = key.startswith(f"{folder}/") and key.endswith(suffix)
        assert deployed.matches("ObjectCreated:Put", key) == expected


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("other", FOLDERS)
def test_a_folder_starts_no_function_of_another(folder: str, other: str) -> None:
    assert deployed_rule(f"{folder}/").matches("ObjectCreated:Put", f"{other}/x") == (
        folder == other
    )


@pytest.mark.parametrize(
    ("prefix", "suffix", "matches"),
    [
        ("a%20b%3d/", "", True),
        ("a+b%3D/", "%2Ejpg", True),
        ("a+b=/", "", False),
        ("a b%3D/", "", False),
        ("a+b%3D/", "~.jpg", False),
        ("a%2520b%3D/", "", False),
    ],
)
def test_a_raw_special_character_matches_nothing(
    prefix: str, suffix: str, *, matches: bool
) -> None:
    one = rule(prefix, suffix)
    assert one.matches("ObjectCreated:Put", "a b=/~.jpg") is matches
    assert one.matches("ObjectCreated:Put", f"{prefix}~.jpg") is False


@given(KEY_TEXT, KEY_TEXT)
def test_overlaps_are_those_of_the_keys(one: str, other: str) -> None:
    first, second = deployed_rule(one), deployed_rule(other)
    assert rules_overlap(first, second) == (one.startswith(other) or other.startswith(one))


def test_overlaps_do_not_depend_on_the_spelling_of_the_encoding() -> None:
    assert rules_overlap(rule("a%20b%3d/"), rule("a+b%3D/c/"))
    assert rules_overlap(rule("a", "%2ejpg"), rule("a", "x.jpg"))
    assert not rules_overlap(rule("a+b/"), rule("a%2Bb/"))


def test_the_value_is_returned_as_sent_and_limited_as_sent() -> None:
    value = "%41%20b%c3%a9=+"
    document = (
        "<NotificationConfiguration><CloudFunctionConfiguration><Id>x</Id>"
        f"<CloudFunction>{ARN}</CloudFunction><Event>s3:ObjectCreated:*</Event><Filter><S3Key>"
        "<FilterRule><Name>prefix</Name><Value>VALUE</Value></FilterRule>"
        "</S3Key></Filter></CloudFunctionConfiguration></NotificationConfiguration>"
    )
    parsed = parse_configuration(document.replace("VALUE", value).encode())
    assert f"<Value>{value}</Value>".encode() in parsed.to_xml()
    parse_configuration(document.replace("VALUE", "%20" * 341).encode())
    with pytest.raises(S3Error, match="1024 bytes"):
        parse_configuration(document.replace("VALUE", "%20" * 342).encode())

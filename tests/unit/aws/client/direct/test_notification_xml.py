"""Notification configurations are parsed to what the SDK returns, or not at all."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import RestXMLParser

from scar.aws.client.direct.notification_xml import parse_notifications
from scar.aws.client.direct.requests import DirectRequestError

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
FILTER = (
    "<Filter><S3Key><FilterRule><Name>prefix</Name><Value>in/&amp;</Value></FilterRule>"
    "<FilterRule><Name>suffix</Name><Value></Value></FilterRule></S3Key></Filter>"
)
FUNCTION = (
    "<CloudFunctionConfiguration><Id>one</Id><CloudFunction>arn:aws:lambda:x</CloudFunction>"
    f"<Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event>{FILTER}"
    "</CloudFunctionConfiguration>"
)
QUEUE = (
    "<QueueConfiguration><Queue>arn:aws:sqs:x</Queue><Event>s3:ObjectCreated:Put</Event>"
    "</QueueConfiguration>"
)
TOPIC = QUEUE.replace("Queue", "Topic")
CASES = {
    "empty": "",
    "functions": FUNCTION + FUNCTION,
    "queue": QUEUE,
    "topic": TOPIC,
    "event bridge": "<EventBridgeConfiguration/>",
    "all": f"{TOPIC}{QUEUE}{FUNCTION}<EventBridgeConfiguration></EventBridgeConfiguration>",
}


def document(content: str, namespace: str = NAMESPACE) -> bytes:
    return f"<NotificationConfiguration {namespace}>{content}</NotificationConfiguration>".encode()


@pytest.mark.parametrize("namespace", [NAMESPACE, ""], ids=["namespace", "none"])
@pytest.mark.parametrize("content", CASES.values(), ids=CASES.keys())
def test_the_configuration_is_that_of_the_sdk(content: str, namespace: str) -> None:
    model = ServiceModel(Loader().load_service_model("s3", "service-2"))
    shape = model.operation_model("GetBucketNotificationConfiguration").output_shape
    body = document(content, namespace)
    assert shape is not None
    expected = RestXMLParser().parse({"headers": {}, "status_code": 200, "body": body}, shape)
    expected.pop("ResponseMetadata")
    assert parse_notifications(body) == expected


@pytest.mark.parametrize(
    "content",
    [
        "<NewConfiguration/>",
        "<EventBridgeConfiguration><Some>x</Some></EventBridgeConfiguration>",
        QUEUE.replace("<Event>", "<Delay>1</Delay><Event>"),
        FUNCTION.replace("S3Key", "S3Tag"),
        FUNCTION.replace("Value>", "Text>"),
        "<a>",
    ],
)
def test_what_is_not_known_is_left_to_the_sdk(content: str) -> None:
    with pytest.raises(DirectRequestError):
        parse_notifications(document(content))

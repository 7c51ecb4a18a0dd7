"""One account in memory: moto with AWS's default resources, behind the request validator."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from scar.aws.client.connection import AwsConnection
from scar.aws.requests import validator
from tests.fakes.moto_compat import ACCOUNT, add_default_resources, fill_gaps, new_session
from tests.fakes.moto_locking import mock_account
from tests.virtual_time import VirtualTime

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3
    from botocore.awsrequest import AWSResponse
    from botocore.model import OperationModel

    from scar.aws.client.call_waits import CallWaits

SERVICES = (
    "batch", "ec2", "ecr", "iam", "kms", "lambda", "logs", "s3", "service-quotas", "sqs", "sts",
)  # fmt: skip


@contextmanager
def an_account(waits: CallWaits | None = None) -> Iterator[AwsConnection]:
    """Connect to an account with only a default VPC that has a route to the internet.

    moto accepts nearly every request; one that AWS would reject fails the test. Without ``waits``,
    those inside API calls take no real time.
    """
    with mock_account(*SERVICES):
        add_default_resources(AwsConnection(session=new_session()))
        session = new_session()
        enforce_aws_rules(session)
        yield AwsConnection(
            session=session, description="moto", waits=waits or VirtualTime().waits()
        )


def enforce_aws_rules(session: boto3.Session) -> None:
    """Make the moto of this process respond as AWS does, and reject what AWS rejects."""
    fill_gaps(session)
    events = session.events
    events.register_last("before-parameter-build", _reject_invalid)
    events.register("before-call.lambda.PutFunctionEventInvokeConfig", _replace_invoke_config)
    events.register("after-call.s3.CreateBucket", _set_tags)


def _reject_invalid(params: dict[str, Any], model: OperationModel, **_: object) -> None:
    """Fail on parameters that AWS would reject and moto accepts."""
    service = model.service_model.service_name
    violations = validator.check(service, model.name, params)
    assert not violations, f"{service} {model.name}: {', '.join(map(str, violations))}"


def _replace_invoke_config(params: dict[str, Any], **_: object) -> None:
    """Delete the present configuration: a put replaces it on AWS, and not in moto."""
    functions = get_backend("lambda")[ACCOUNT]["eu-west-1"]
    name = params["url_path"].split("/")[3]
    functions.get_function(name).event_invoke_config.clear()


def _set_tags(http_response: AWSResponse, context: dict[str, Any], **_: object) -> None:
    """Set the tags of a new bucket; moto keeps those of a deleted bucket of that name."""
    if http_response.status_code != 200:
        return
    params = context["s3_redirect"]["params"]
    tags = params.get("CreateBucketConfiguration", {}).get("Tags", [])
    arn, tagger = f"arn:aws:s3:::{params['Bucket']}", get_backend("s3")[ACCOUNT]["aws"].tagger
    tagger.delete_all_tags_for_resource(arn)
    tagger.tag_resource(arn, tags)

"""One account in memory: moto with AWS's default resources, behind the request validator."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from scar.aws.client.connection import AwsConnection
from scar.aws.requests import validator
from tests.fakes.moto_compat import ACCOUNT, a_session, fill_gaps, furnish
from tests.fakes.moto_locking import one_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3
    from botocore.awsrequest import AWSResponse
    from botocore.model import OperationModel

SERVICES = (
    "batch", "ec2", "ecr", "iam", "kms", "lambda", "logs", "s3", "service-quotas", "sqs", "sts",
)  # fmt: skip


@contextmanager
def an_account() -> Iterator[AwsConnection]:
    """Connect to an account that is empty but for a default VPC with a way to the internet.

    moto takes nearly everything: what AWS would refuse fails the test that asks for it.
    """
    with one_account(*SERVICES):
        furnish(AwsConnection(session=a_session()))
        session = a_session()
        amend(session)
        yield AwsConnection(session=session, description="moto")


def amend(session: boto3.Session) -> None:
    """Let the moto of this process answer as AWS would, and refuse what AWS would refuse."""
    fill_gaps(session)
    events = session.events
    events.register_last("before-parameter-build", _check)
    events.register("before-call.lambda.PutFunctionEventInvokeConfig", _replace)
    events.register("after-call.s3.CreateBucket", _tag)


def _check(params: dict[str, Any], model: OperationModel, **_: object) -> None:
    """Say what AWS would object to; moto would not."""
    service = model.service_model.service_name
    wrong = validator.check(service, model.name, params)
    assert not wrong, f"{service} {model.name}: {', '.join(map(str, wrong))}"


def _replace(params: dict[str, Any], **_: object) -> None:
    """A put replaces; moto keeps the first one for ever."""
    functions = get_backend("lambda")[ACCOUNT]["eu-west-1"]
    name = params["url_path"].split("/")[3]
    functions.get_function(name).event_invoke_config.clear()


def _tag(http_response: AWSResponse, context: dict[str, Any], **_: object) -> None:
    """A bucket has the tags it is made with; with moto, those of the last one of that name."""
    if http_response.status_code != 200:
        return
    given = context["s3_redirect"]["params"]
    tags = given.get("CreateBucketConfiguration", {}).get("Tags", [])
    arn, tagger = f"arn:aws:s3:::{given['Bucket']}", get_backend("s3")[ACCOUNT]["aws"].tagger
    tagger.delete_all_tags_for_resource(arn)
    tagger.tag_resource(arn, tags)

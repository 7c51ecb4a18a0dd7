"""Unknown values get an error that names them, in the request's protocol; never a 500."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from scar.local.access_keys import AccessKeys
from scar.local.cloud import LocalCloud
from scar.local.conditions.settings import ConditionsSettings
from scar.local.home import LocalCloudHome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SESSION = boto3.Session()
NOWHERE = "eu-wset-1"


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    home = LocalCloudHome(tmp_path_factory.mktemp("home"))
    home.create()
    cloud = LocalCloud(home, "process", {}, ConditionsSettings(limits=False))
    keys = AccessKeys(home.load_secret()).credentials_for("test")

    def connect(service: str, region: str = "us-east-1") -> Any:  # noqa: ANN401
        return SESSION.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=cloud.url,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
        )

    yield connect
    cloud.close()


def error_of(client: Any, operation: str, **parameters: Any) -> ClientError:  # noqa: ANN401
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status < 500 or status == 501, caught.value
    return caught.value


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("s3", "list_buckets"),
        ("sts", "get_caller_identity"),
        ("batch", "describe_job_queues"),
        ("ec2", "describe_vpcs"),
        ("ecr", "describe_repositories"),
        ("lambda", "list_functions"),
        ("logs", "describe_log_groups"),
        ("sqs", "list_queues"),
    ],
)
@pytest.mark.parametrize(
    ("region", "nearest"),
    [(NOWHERE, "eu-west-1"), ("us-east1", "us-east-1"), ("eu-central-9", "eu-central-1")],
)
def test_an_unknown_region_is_named_with_the_nearest_one(
    connect: Callable[..., Any], service: str, operation: str, region: str, nearest: str
) -> None:
    error = error_of(connect(service, region), operation)
    assert f"There is no Region {region}; did you mean {nearest}?" in str(error)
    assert error.response["Error"]["Code"] == "InvalidRegion"


@pytest.mark.parametrize("region", ["xx-yyyy-0", "local"])
def test_an_unknown_region_like_no_other_is_named(connect: Callable[..., Any], region: str) -> None:
    assert f"There is no Region {region}." in str(
        error_of(connect("sts", region), "get_caller_identity")
    )


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"])
def test_regions_of_all_partitions_exist(connect: Callable[..., Any], region: str) -> None:
    assert connect("batch", region).describe_job_queues()["jobQueues"] == []


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{NOWHERE}:123456789012:{rest}"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("lambda", "invoke", {"FunctionName": arn("lambda", "function:f")}, "ResourceNotFound"),
        (
            "batch",
            "submit_job",
            {"jobName": "j", "jobQueue": arn("batch", "job-queue/q"), "jobDefinition": "d"},
            "ClientException",
        ),
        ("batch", "list_jobs", {"jobQueue": arn("batch", "job-queue/q")}, "ClientException"),
        (
            "s3",
            "create_bucket",
            {"Bucket": "abc", "CreateBucketConfiguration": {"LocationConstraint": NOWHERE}},
            "InvalidLocationConstraint",
        ),
        ("ec2", "describe_instance_type_offerings", {"LocationType": "moon"}, "ValidationError"),
        (
            "ec2",
            "describe_subnets",
            {"Filters": [{"Name": "colour", "Values": ["x"]}]},
            "NotImplemented",
        ),
        (
            "ec2",
            "describe_security_groups",
            {"Filters": [{"Name": "colour", "Values": ["x"]}]},
            "ValidationError",
        ),
        ("sns", "get_topic_attributes", {"TopicArn": "zz"}, "ValidationError"),
        ("ecr", "describe_images", {"repositoryName": "never"}, "RepositoryNotFoundException"),
        (
            "ecr",
            "batch_delete_image",
            {"repositoryName": "never", "imageIds": [{"imageTag": "x"}]},
            "RepositoryNotFoundException",
        ),
    ],
)
def test_an_unknown_value_is_an_error_of_the_request(
    connect: Callable[..., Any],
    service: str,
    operation: str,
    parameters: dict[str, Any],
    code: str,
) -> None:
    error = error_of(connect(service), operation, **parameters)
    assert error.response["Error"]["Code"].startswith(code)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("cloudformation", "list_stacks"),  # query
        ("cloudwatch", "describe_alarms"),  # rpc-v2-cbor, or query with older SDKs
        ("elbv2", "describe_load_balancers"),
        ("rds", "describe_db_instances"),
        ("autoscaling", "describe_auto_scaling_groups"),
        ("route53", "list_hosted_zones"),  # rest-xml
        ("cloudfront", "list_distributions"),
        ("dynamodb", "list_tables"),  # json
        ("stepfunctions", "list_state_machines"),
        ("kms", "list_keys"),
        ("efs", "describe_file_systems"),  # rest-json
        ("apigateway", "get_rest_apis"),
        ("ec2", "describe_images"),  # ec2
    ],
)
def test_a_service_that_is_not_emulated_answers_in_its_protocol(
    connect: Callable[..., Any], service: str, operation: str
) -> None:
    error = error_of(connect(service), operation)
    assert error.response["Error"]["Code"] == "NotImplemented"
    assert "The local cloud does not emulate" in error.response["Error"]["Message"]

"""The FDL file: functions and storage providers."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool

from scar.fdl.field_types import to_list
from scar.fdl.model.base import FdlModel
from scar.fdl.model.batch import BatchSpec
from scar.fdl.model.deferred import BuiltAtUse
from scar.fdl.model.endpoint import ApiGatewaySpec
from scar.fdl.model.lambda_ import LambdaSpec
from scar.fdl.model.services import CloudWatchSpec, EcrSpec, IamSpec
from scar.fdl.model.storage_providers import NO_PROVIDERS, StorageProviders


class AwsFunction(FdlModel):
    """One function and the AWS services that it uses."""

    enabled: StrictBool = Field(
        True,
        description="`false`: the function is not deployed; `scar init` deletes its triggers, its"
        " Lambda function, its job definition, its roles and its images (unless `ecr.delete_image`"
        " is `false`), and a job queue and compute environments that no other function uses; it"
        " keeps buckets, logs and run records",
    )
    lambda_: LambdaSpec = Field(alias="lambda", description="the Lambda function; required")
    iam: IamSpec = Field(IamSpec(), description="IAM roles")
    cloudwatch: CloudWatchSpec = Field(CloudWatchSpec(), description="CloudWatch Logs")
    api_gateway: ApiGatewaySpec = Field(
        ApiGatewaySpec(), description="HTTP endpoint of the function"
    )
    ecr: EcrSpec = Field(EcrSpec(), description="Amazon ECR repository of the function's image")
    batch: Annotated[BatchSpec, BuiltAtUse(BatchSpec)] = Field(
        BatchSpec.model_construct(), description="AWS Batch"
    )


class FunctionsSpec(FdlModel):
    """The functions, by cloud provider."""

    aws: Annotated[tuple[AwsFunction, ...], BeforeValidator(to_list)] = Field(
        min_length=1, description="list of functions on AWS; at least one"
    )
    oscar: Any = Field(
        None, description="accepted, not used: functions of OSCAR clusters are deployed by OSCAR"
    )


class FdlDocument(FdlModel):
    """The FDL file: functions and storage providers."""

    functions: FunctionsSpec = Field(description="the functions; required")
    storage_providers: Annotated[StorageProviders, BuiltAtUse(StorageProviders)] = Field(
        NO_PROVIDERS, description="storage providers"
    )

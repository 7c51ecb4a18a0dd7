"""A whole FDL file: functions and storage accounts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from scar.fdl.field_types import reject_oscar, to_list
from scar.fdl.model.base import FdlModel
from scar.fdl.model.batch import BatchSpec
from scar.fdl.model.lambda_ import LambdaSpec
from scar.fdl.model.services import ApiGatewaySpec, CloudWatchSpec, EcrSpec, IamSpec


class AwsFunction(FdlModel):
    """One function with the services it uses."""

    lambda_: LambdaSpec = Field(alias="lambda", description="the function; required")
    iam: IamSpec = Field(IamSpec(), description="roles")
    cloudwatch: CloudWatchSpec = Field(CloudWatchSpec(), description="logs")
    api_gateway: ApiGatewaySpec = Field(ApiGatewaySpec(), description="HTTP endpoint")
    ecr: EcrSpec = Field(EcrSpec(), description="repository of the composed image")
    batch: BatchSpec = Field(BatchSpec(), description="Batch")


class FunctionsSpec(FdlModel):
    """The functions, by provider."""

    aws: Annotated[tuple[AwsFunction, ...], BeforeValidator(to_list)] = Field(
        min_length=1, description="functions on AWS; at least one"
    )
    oscar: Annotated[None, BeforeValidator(reject_oscar)] = Field(
        None, description="OSCAR clusters: not supported, must be absent"
    )


class S3Provider(FdlModel):
    """An S3 account of its own."""

    access_key: str = Field("", description="not supported: runs use the function's role")
    secret_key: str = Field("", repr=False, description="not supported")
    region: str = Field("", description="AWS Region; empty: the function's")


class StorageProviders(FdlModel):
    """Storage accounts, by kind and name."""

    s3: dict[str, S3Provider] = Field(
        {},
        description="S3 accounts, by names of yours: used as `storage_provider: s3.<name>`",
        examples=[{"my_s3": {}}],
    )
    minio: Any = Field(None, description="not supported yet, must be absent")
    onedata: Any = Field(None, description="not supported yet, must be absent")
    webdav: Any = Field(None, description="not supported yet, must be absent")


class FdlDocument(FdlModel):
    """A whole FDL file."""

    functions: FunctionsSpec = Field(description="the functions; required")
    storage_providers: StorageProviders = Field(StorageProviders(), description="storage accounts")

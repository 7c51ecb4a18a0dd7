"""A whole FDL file: functions and storage accounts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from scar.fdl.field_types import listed, no_oscar
from scar.fdl.model.base import Model
from scar.fdl.model.batch import Batch
from scar.fdl.model.lambda_ import Lambda
from scar.fdl.model.services import ApiGateway, CloudWatch, Ecr, Iam


class AwsFunction(Model):
    """One function with the services it uses."""

    lambda_: Lambda = Field(alias="lambda", description="the function; required")
    iam: Iam = Field(Iam(), description="roles")
    cloudwatch: CloudWatch = Field(CloudWatch(), description="logs")
    api_gateway: ApiGateway = Field(ApiGateway(), description="HTTP endpoint")
    ecr: Ecr = Field(Ecr(), description="repository of the composed image")
    batch: Batch = Field(Batch(), description="Batch")


class Functions(Model):
    """The functions, by provider."""

    aws: Annotated[tuple[AwsFunction, ...], BeforeValidator(listed)] = Field(
        min_length=1, description="functions on AWS; at least one"
    )
    oscar: Annotated[None, BeforeValidator(no_oscar)] = Field(
        None, description="OSCAR clusters: not supported, must be absent"
    )


class S3Provider(Model):
    """An S3 account of its own."""

    access_key: str = Field("", description="not supported: runs use the function's role")
    secret_key: str = Field("", repr=False, description="not supported")
    region: str = Field("", description="AWS Region; empty: the function's")


class StorageProviders(Model):
    """Storage accounts, by kind and name."""

    s3: dict[str, S3Provider] = Field({}, description="S3 accounts")
    minio: Any = Field(None, description="not supported yet, must be absent")
    onedata: Any = Field(None, description="not supported yet, must be absent")
    webdav: Any = Field(None, description="not supported yet, must be absent")


class Document(Model):
    """A whole FDL file."""

    functions: Functions = Field(description="the functions; required")
    storage_providers: StorageProviders = Field(StorageProviders(), description="storage accounts")

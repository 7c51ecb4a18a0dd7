"""The Functions Definition Language (FDL): every key, its type, limits, default and description.

Each class is one section of the FDL file, and its attribute names are the FDL's keys:

- ``document``: the whole file, and one function with its services
- ``storage_providers``: stores other than the account's S3
- ``lambda_``: the Lambda function, its container, and EFS file systems
- ``batch``: AWS Batch jobs and their compute environment
- ``services``: IAM roles, log groups, ECR repositories
- ``endpoint``: the HTTP endpoint, of API Gateway or a function URL
- ``base``: the base class of all sections, and the sections that occur in several others:
  environment variables, subnets with security groups, bucket folders
- ``deferred``: the base class of the sections of Batch and of stores, whose validators are built
  with their first value: they are a twentieth of the time of ``scar validate``
- ``plugins``: keeps pydantic from searching for plugins, which takes longer than the models

pydantic parses and validates one value at a time, with the types of ``scar.fdl.field_types``.
Rules between keys or functions are in ``scar.fdl.rules``. The descriptions are user documentation:
``docs/fdl.md``, ``fdl-example.yaml`` and the JSON Schema are generated from them. A new key is a
field here, with a description; a key of SCAR that has no effect is kept as "accepted, not used".

The modules with models have no `from __future__ import annotations`: pydantic would compile each
of the 208 annotations from its text, a twentieth of the time of ``scar validate``.
"""

from scar.fdl.model.base import EnvironmentSpec, FdlModel, NetworkSpec, StorageSpec
from scar.fdl.model.batch import (
    ArraySpec,
    BatchSpec,
    ComputeEnvironmentSpec,
    ComputeResourcesSpec,
    DiskSpec,
    ExitRetrySpec,
    JobFileSystemSpec,
    JobOverrideSpec,
    SchedulingSpec,
    TmpfsSpec,
    UlimitSpec,
)
from scar.fdl.model.document import (
    AwsFunction,
    FdlDocument,
    FunctionsSpec,
)
from scar.fdl.model.endpoint import ApiGatewaySpec
from scar.fdl.model.lambda_ import ContainerSpec, FileSystemSpec, LambdaSpec, SupervisorSpec
from scar.fdl.model.services import CloudWatchSpec, EcrSpec, IamSpec
from scar.fdl.model.storage_providers import (
    NO_PROVIDERS,
    MinioProvider,
    OnedataProvider,
    ProviderSpec,
    S3Provider,
    StorageProviders,
    WebdavProvider,
)

__all__ = [
    "NO_PROVIDERS",
    "ApiGatewaySpec",
    "ArraySpec",
    "AwsFunction",
    "BatchSpec",
    "CloudWatchSpec",
    "ComputeEnvironmentSpec",
    "ComputeResourcesSpec",
    "ContainerSpec",
    "DiskSpec",
    "EcrSpec",
    "EnvironmentSpec",
    "ExitRetrySpec",
    "FdlDocument",
    "FdlModel",
    "FileSystemSpec",
    "FunctionsSpec",
    "IamSpec",
    "JobFileSystemSpec",
    "JobOverrideSpec",
    "LambdaSpec",
    "MinioProvider",
    "NetworkSpec",
    "OnedataProvider",
    "ProviderSpec",
    "S3Provider",
    "SchedulingSpec",
    "StorageProviders",
    "StorageSpec",
    "SupervisorSpec",
    "TmpfsSpec",
    "UlimitSpec",
    "WebdavProvider",
]

"""The Functions Definition Language: every key, its type, limits and default.

Attribute names are the FDL's keys. Text in ``description`` is what people read in
``docs/fdl.md``. Single values are checked by ``values``; what concerns several keys or functions
is in ``rules``.
"""

from scar.fdl.model.base import EnvironmentSpec, FdlModel, NetworkSpec, StorageSpec
from scar.fdl.model.batch import BatchSpec, ComputeResourcesSpec
from scar.fdl.model.document import (
    AwsFunction,
    FdlDocument,
    FunctionsSpec,
    S3Provider,
    StorageProviders,
)
from scar.fdl.model.lambda_ import ContainerSpec, FileSystemSpec, LambdaSpec, SupervisorSpec
from scar.fdl.model.services import ApiGatewaySpec, CloudWatchSpec, EcrSpec, IamSpec

__all__ = [
    "ApiGatewaySpec",
    "AwsFunction",
    "BatchSpec",
    "CloudWatchSpec",
    "ComputeResourcesSpec",
    "ContainerSpec",
    "EcrSpec",
    "EnvironmentSpec",
    "FdlDocument",
    "FdlModel",
    "FileSystemSpec",
    "FunctionsSpec",
    "IamSpec",
    "LambdaSpec",
    "NetworkSpec",
    "S3Provider",
    "StorageProviders",
    "StorageSpec",
    "SupervisorSpec",
]

"""The AWS resources that scar manages; desired and observed state have the same types.

The compiler creates the desired ones, the handlers read the observed ones, and the plan compares
them field by field. ``base`` is the common part: a key, dependencies, whether functions share the
resource. The kinds are in one module per service: ``lambda_`` (functions, permissions, event invoke
configs, batch target records), ``batch`` (compute environments, job queues, job definitions, launch
templates), ``event_sources`` (queues of gathered events and their event source mappings),
``endpoints`` (HTTP APIs and function URLs), ``s3`` (buckets, notifications), ``ecr`` (repositories,
images), ``iam`` (roles, instance profiles), ``logs`` (log groups) and ``parameters`` (secrets in
Parameter Store).

Only the name has no default, so that a resource can be read by its name alone. The default of a
field is what AWS does without the parameter, never what scar chooses: scar's defaults are in the
model of the FDL. Mappings are sorted tuples of pairs and documents are JSON with sorted keys, so
that equal state compares equal. A field that AWS takes unconverted is one entry in
``Resource.request_paths`` of its class: requests, reading back and export follow it. A further kind
is a class here, a case in the requests, and a handler. Pure functions; no I/O.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.aws.model.resources.base import Architecture, Pairs, Resource, ResourceKey
    from scar.aws.model.resources.batch import (
        VALID,
        ComputeEnvironment,
        ComputeType,
        EnabledState,
        FileSystemMount,
        JobDefinition,
        JobQueue,
        JobUlimit,
        LaunchTemplate,
        Platform,
        SchedulingPolicy,
        TmpfsMount,
    )
    from scar.aws.model.resources.ecr import (
        EcrImage,
        EcrRepository,
        SupersededRepository,
        UnusedImage,
    )
    from scar.aws.model.resources.endpoints import CorsRules, FunctionUrl, HttpApi, HttpEndpoint
    from scar.aws.model.resources.event_sources import EventSource, SourceQueue
    from scar.aws.model.resources.iam import InstanceProfile, Role
    from scar.aws.model.resources.lambda_ import (
        BatchTargetRecord,
        EventInvokeConfig,
        InvokePermission,
        LambdaFunction,
    )
    from scar.aws.model.resources.logs import LogGroup
    from scar.aws.model.resources.parameters import SecretParameter
    from scar.aws.model.resources.s3 import Bucket, BucketNotification, StateBucket

__all__ = [
    "VALID",
    "Architecture",
    "BatchTargetRecord",
    "Bucket",
    "BucketNotification",
    "ComputeEnvironment",
    "ComputeType",
    "CorsRules",
    "EcrImage",
    "EcrRepository",
    "EnabledState",
    "EventInvokeConfig",
    "EventSource",
    "FileSystemMount",
    "FunctionUrl",
    "HttpApi",
    "HttpEndpoint",
    "InstanceProfile",
    "InvokePermission",
    "JobDefinition",
    "JobQueue",
    "JobUlimit",
    "LambdaFunction",
    "LaunchTemplate",
    "LogGroup",
    "Pairs",
    "Platform",
    "Resource",
    "ResourceKey",
    "Role",
    "SchedulingPolicy",
    "SecretParameter",
    "SourceQueue",
    "StateBucket",
    "SupersededRepository",
    "TmpfsMount",
    "UnusedImage",
]

# The 40 dataclasses take as long to import as a tenth of a command without them, and a command
# needs few: a module is imported when one of its names is.
_MODULES = {
    "base": ("Architecture", "Pairs", "Resource", "ResourceKey"),
    "batch": (
        "VALID",
        "ComputeEnvironment",
        "ComputeType",
        "EnabledState",
        "FileSystemMount",
        "JobDefinition",
        "JobQueue",
        "JobUlimit",
        "LaunchTemplate",
        "Platform",
        "SchedulingPolicy",
        "TmpfsMount",
    ),
    "ecr": ("EcrImage", "EcrRepository", "SupersededRepository", "UnusedImage"),
    "endpoints": ("CorsRules", "FunctionUrl", "HttpApi", "HttpEndpoint"),
    "event_sources": ("EventSource", "SourceQueue"),
    "iam": ("InstanceProfile", "Role"),
    "lambda_": ("BatchTargetRecord", "EventInvokeConfig", "InvokePermission", "LambdaFunction"),
    "logs": ("LogGroup",),
    "parameters": ("SecretParameter",),
    "s3": ("Bucket", "BucketNotification", "StateBucket"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the module of a name of ``__all__``."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value

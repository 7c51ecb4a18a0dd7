"""The AWS resources scar manages: desired and observed state are the same types. Pure.

Only what identifies a resource has no default, so that a resource can be looked for by its
name alone. A default is what AWS does without the parameter, never what scar chooses: the
FDL's model has those defaults. Mappings are sorted tuples of pairs, documents are JSON with
sorted keys: equal state compares equal.
"""

from scar.aws.model.resources.base import Architecture, Pairs, Resource, ResourceKey
from scar.aws.model.resources.batch import (
    ComputeEnvironment,
    ComputeType,
    EnabledState,
    JobDefinition,
    JobQueue,
    LaunchTemplate,
    Platform,
)
from scar.aws.model.resources.ecr import EcrImage, EcrRepository, SupersededRepository, UnusedImage
from scar.aws.model.resources.iam import InstanceProfile, Role
from scar.aws.model.resources.lambda_ import (
    BatchTargetRecord,
    EventInvokeConfig,
    InvokePermission,
    LambdaFunction,
)
from scar.aws.model.resources.logs import LogGroup
from scar.aws.model.resources.s3 import Bucket, BucketNotification, StateBucket

__all__ = [
    "Architecture",
    "BatchTargetRecord",
    "Bucket",
    "BucketNotification",
    "ComputeEnvironment",
    "ComputeType",
    "EcrImage",
    "EcrRepository",
    "EnabledState",
    "EventInvokeConfig",
    "InstanceProfile",
    "InvokePermission",
    "JobDefinition",
    "JobQueue",
    "LambdaFunction",
    "LaunchTemplate",
    "LogGroup",
    "Pairs",
    "Platform",
    "Resource",
    "ResourceKey",
    "Role",
    "StateBucket",
    "SupersededRepository",
    "UnusedImage",
]

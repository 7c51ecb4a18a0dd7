"""The AWS resources scar manages: desired and observed state are the same types. Pure.

Only what identifies a resource has no default, so that a resource can be looked for by its
name alone. Mappings are sorted tuples of pairs, documents are JSON with sorted keys: equal
state compares equal.
"""

from scar.aws.model.resources.base import Architecture, Key, Pairs, Resource
from scar.aws.model.resources.batch import (
    ComputeEnvironment,
    ComputeType,
    JobDefinition,
    JobQueue,
    LaunchTemplate,
    Platform,
    State,
)
from scar.aws.model.resources.ecr import Image, OldImage, OldRepository, Repository
from scar.aws.model.resources.iam import InstanceProfile, Role
from scar.aws.model.resources.lambda_ import (
    EventInvokeConfig,
    InvokePermission,
    LambdaFunction,
    RunsElsewhere,
)
from scar.aws.model.resources.logs import LogGroup
from scar.aws.model.resources.s3 import Bucket, BucketNotification, StateBucket

__all__ = [
    "Architecture",
    "Bucket",
    "BucketNotification",
    "ComputeEnvironment",
    "ComputeType",
    "EventInvokeConfig",
    "Image",
    "InstanceProfile",
    "InvokePermission",
    "JobDefinition",
    "JobQueue",
    "Key",
    "LambdaFunction",
    "LaunchTemplate",
    "LogGroup",
    "OldImage",
    "OldRepository",
    "Pairs",
    "Platform",
    "Repository",
    "Resource",
    "Role",
    "RunsElsewhere",
    "State",
    "StateBucket",
]

"""The AWS resources scar manages: desired and observed state are the same types. Pure.

Only what identifies a resource has no default, so that a resource can be looked for by its
name alone. Mappings are sorted tuples of pairs, documents are JSON with sorted keys: equal
state compares equal.
"""

from scar.aws.resources.base import Architecture, Key, Pairs, Resource
from scar.aws.resources.batch import (
    ComputeEnvironment,
    ComputeType,
    JobDefinition,
    JobQueue,
    LaunchTemplate,
    Platform,
    State,
)
from scar.aws.resources.functions import (
    EventInvokeConfig,
    InvokePermission,
    LambdaFunction,
    RunsElsewhere,
)
from scar.aws.resources.iam import InstanceProfile, Role
from scar.aws.resources.images import Image, OldImage, OldRepository, Repository
from scar.aws.resources.logs import LogGroup
from scar.aws.resources.storage import Bucket, BucketNotification, StateBucket

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

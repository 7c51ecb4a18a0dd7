"""What the caller is granted: operations on a target, for a feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

# What a call acts on; ``arns`` has the ARNs.
GrantTarget = Literal[
    "anything",
    "api paths",
    "new apis",
    "apis",
    "api parts",
    "deleted api parts",
    "api tags",
    "removed api tags",
    "called apis",
    "state bucket",
    "buckets",
    "records of functions",
    "records and folders",
    "cluster files",
    "functions",
    "log groups",
    "log groups by name",
    "repositories",
    "source repositories",
    "failure handler",
    "roles",
    "passed roles",
    "identities",
    "batch resources",
    "jobs",
    "tagged jobs",
    "tasks",
    "launch templates",
    "event queues",
    "event sources",
    "secrets",
    "stored secrets",
    "paths of stored secrets",
]
# When it is made: always, or only if a function uses this feature.
Feature = Literal[
    "always",
    "own roles",
    "given roles",
    "batch",
    "shares",
    "instances",
    "templates",
    "network",
    "efs",
    "clusters",
    "shell",
    "arrays",
    "endpoints",
    "signed apis",
    "signed urls",
    "secrets",
    "stores",
]
FEATURES: tuple[Feature, ...] = get_args(Feature)


@dataclass(frozen=True, slots=True)
class Grant:
    """Operations on one target; ``extra_actions`` are further actions that AWS checks for them."""

    target: GrantTarget
    operations: tuple[str, ...]
    extra_actions: tuple[str, ...] = ()
    feature: Feature = "always"

"""One CloudFormation template of desired resources. Pure.

The template has the names that ``scar init`` gives, so that the other commands find what it
makes. It is used in two steps, since an image can only be pushed into a repository that is
there: without digests of images a stack makes what needs none; with them, the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.aws.export import properties
from scar.aws.export.pseudo_parameters import marks, written
from scar.aws.model import resources as kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Translation = tuple[str, Callable[[Any], properties.Properties]]

PUSHED, MAKES_BUCKETS = "ImagesArePushed", "MakesBuckets"
SUBNETS, GROUPS, IMAGE = "Subnets", "SecurityGroups", "Image"
_DIGEST = "^(sha256:[0-9a-f]{64})?$"

# Kinds that CloudFormation knows; buckets and definitions need more than themselves.
TRANSLATED: Mapping[type[kinds.Resource], Translation] = {
    kinds.StateBucket: ("AWS::S3::Bucket", properties.state_bucket),
    kinds.LogGroup: ("AWS::Logs::LogGroup", properties.log_group),
    kinds.Role: ("AWS::IAM::Role", properties.role),
    kinds.InstanceProfile: ("AWS::IAM::InstanceProfile", properties.instance_profile),
    kinds.Repository: ("AWS::ECR::Repository", properties.repository),
    kinds.LambdaFunction: ("AWS::Lambda::Function", properties.function),
    kinds.EventInvokeConfig: ("AWS::Lambda::EventInvokeConfig", properties.event_invoke_config),
    kinds.InvokePermission: ("AWS::Lambda::Permission", properties.permission),
    kinds.LaunchTemplate: ("AWS::EC2::LaunchTemplate", properties.launch_template),
    kinds.ComputeEnvironment: ("AWS::Batch::ComputeEnvironment", properties.environment),
    kinds.JobQueue: ("AWS::Batch::JobQueue", properties.queue),
}
# Kinds that the template's metadata tells, each with what is to be done about it.
TOLD: Mapping[type[kinds.Resource], str] = {
    kinds.Image: "Images: push each into its repository (`scar image compose --output`, then any"
    " tool), and give its digest as the parameter named in Metadata.",
    kinds.RunsElsewhere: "Objects in the state bucket: put each text of Metadata under its key.",
    kinds.BucketNotification: "Notifications of buckets that exist (MakesBuckets false): add the"
    " rules of Metadata to what the bucket has; `scar init` does so.",
}
# Kinds that are found and deleted, never wanted.
NEVER_WANTED: frozenset[type[kinds.Resource]] = frozenset({kinds.OldImage, kinds.OldRepository})
_ALWAYS = (
    "Folders of buckets: they are empty objects, put them if you want to see them.",
    "Ids of permissions and rules: CloudFormation chooses them; `scar init` would add its own.",
    "Buckets and the state bucket stay when the stack is deleted.",
)
_PUBLIC = (
    "Fargate jobs get public addresses (AssignPublicIp): where subnets have a NAT gateway, change"
    " it; `scar init` reads the route tables."
)
_NAMES = (
    "Account, Region, subnets or security groups are left to the stack: names of compute"
    " environments and queues, which are digests of these, and role names that are too long"
    " differ from those that `scar init` gives."
)


@dataclass(frozen=True, slots=True)
class Exported:
    """The template as data, and what CloudFormation cannot do of what was wanted."""

    template: dict[str, Any]
    undone: tuple[str, ...]


def export(wanted: Sequence[kinds.Resource], region: str) -> Exported:
    """Write resources as a template; raise TypeError for a kind that nobody translates."""
    return _Template(list(wanted), region).build()


@dataclass(frozen=True, slots=True)
class _Template:
    wanted: list[kinds.Resource]
    region: str
    pushed: set[kinds.Key] = field(default_factory=set)

    def build(self) -> Exported:
        self._find_pushed()
        resources = {logical_id(r): self._one(r) for r in self.wanted if type(r) not in TOLD}
        used = marks(json.dumps(resources, ensure_ascii=False))
        undone = tuple(self._undone(used))
        template = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Functions of scar; Metadata tells what is to be done besides.",
            "Metadata": {"scar": {"undone": list(undone), **written(self._told())}},
            "Parameters": _parameters(used),
            "Conditions": self._conditions(used),
            "Resources": written(resources),
        }
        return Exported(template, undone)

    def _one(self, resource: kinds.Resource) -> dict[str, Any]:
        kind, told = self._translated(resource)
        entry: dict[str, Any] = {"Type": kind, "Properties": told}
        if needed := sorted(logical_id(r) for r in self.wanted if self._waits(resource, r)):
            entry["DependsOn"] = needed
        if isinstance(resource, kinds.Bucket):
            entry["Condition"] = MAKES_BUCKETS
        elif resource.key in self.pushed:
            entry["Condition"] = PUSHED
        if isinstance(resource, kinds.Bucket | kinds.StateBucket) or _is_kept(resource):
            entry |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        return entry

    def _translated(self, resource: kinds.Resource) -> tuple[str, properties.Properties]:
        if isinstance(resource, kinds.Bucket):
            return "AWS::S3::Bucket", properties.bucket(resource, self._rules(resource.name))
        if isinstance(resource, kinds.JobDefinition):
            return "AWS::Batch::JobDefinition", properties.definition(resource, self.region)
        if type(resource) not in TRANSLATED:
            raise TypeError(f"{resource.key} has no translation to CloudFormation")
        kind, translate = TRANSLATED[type(resource)]
        return kind, translate(resource)

    def _rules(self, bucket: str) -> list[kinds.BucketNotification]:
        all_rules = (r for r in self.wanted if isinstance(r, kinds.BucketNotification))
        return [rule for rule in all_rules if rule.bucket == bucket]

    def _waits(self, resource: kinds.Resource, other: kinds.Resource) -> bool:
        """A bucket comes after what its rules need: S3 tries them."""
        if type(other) in TOLD or other is resource:
            return False
        if isinstance(resource, kinds.Bucket):
            return any(other.key in rule.needs for rule in self._rules(resource.name))
        return other.key in resource.rests_on

    def _find_pushed(self) -> None:
        """Find what needs an image, directly or not."""
        self.pushed.update(r.key for r in self.wanted if isinstance(r, kinds.Image))
        before = -1
        while before != len(self.pushed):
            before = len(self.pushed)
            self.pushed.update(r.key for r in self.wanted if r.needs & self.pushed)

    def _told(self) -> dict[str, object]:
        """Write what has no resource in the template, in full."""
        return {
            "images": [
                {"repository": r.name, "digest": r.digest}
                for r in self.wanted
                if isinstance(r, kinds.Image)
            ],
            "objects": [
                {"function": r.name, "bucket": r.bucket, "text": r.text}
                for r in self.wanted
                if isinstance(r, kinds.RunsElsewhere)
            ],
            "folders": [
                {"bucket": r.name, "folders": list(r.folders)}
                for r in self.wanted
                if isinstance(r, kinds.Bucket)
            ],
            "notifications": [
                {
                    "bucket": r.bucket,
                    "id": r.rule_id,
                    "function": r.function_arn,
                    "events": list(r.events),
                    "prefix": r.prefix,
                    "suffix": r.suffix,
                }
                for r in self.wanted
                if isinstance(r, kinds.BucketNotification)
            ],
        }

    def _undone(self, used: frozenset[str]) -> Iterator[str]:
        present = {type(r) for r in self.wanted}
        yield from (text for kind, text in TOLD.items() if kind in present)
        yield from _ALWAYS
        if any(isinstance(r, kinds.JobDefinition) and r.public_ip for r in self.wanted):
            yield _PUBLIC
        if used & {"AccountId", "Region", SUBNETS, GROUPS}:
            yield _NAMES

    def _conditions(self, used: frozenset[str]) -> dict[str, Any]:
        """Without images that are still to be named, everything is made at once."""
        missing = [{"Fn::Equals": [{"Ref": name}, ""]} for name in sorted(_images(used))]
        if len(missing) > 1:
            pushed: object = {"Fn::Not": [{"Fn::Or": missing}]}
        else:
            pushed = {"Fn::Not": missing} if missing else {"Fn::Equals": ["", ""]}
        return {
            PUSHED: pushed,
            # They tell functions of their objects: both come together.
            MAKES_BUCKETS: {
                "Fn::And": [
                    {"Condition": PUSHED},
                    {"Fn::Equals": [{"Ref": f"{MAKES_BUCKETS}Too"}, "true"]},
                ]
            },
        }


def logical_id(resource: kinds.Resource) -> str:
    """Name a resource in the template: letters and digits, the same every time."""
    words = re.findall(r"[A-Za-z0-9]+", f"{resource.kind} {resource.name}")
    digest = hashlib.sha256(str(resource.key).encode()).hexdigest()[:6]
    return "".join(word[0].upper() + word[1:] for word in words)[:120] + digest


def image_parameter(function: str) -> str:
    """Name the parameter of a function's image."""
    digest = hashlib.sha256(function.encode()).hexdigest()[:6]
    words = re.findall(r"[A-Za-z0-9]+", function)
    return IMAGE + "".join(word[0].upper() + word[1:] for word in words) + digest


def _is_kept(resource: kinds.Resource) -> bool:
    return isinstance(resource, kinds.Repository) and resource.is_kept


def _images(used: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in used if name.startswith(IMAGE))


def _parameters(used: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{MAKES_BUCKETS}Too": {
            "Type": "String",
            "AllowedValues": ["true", "false"],
            "Default": "true",
            "Description": "false if the buckets of inputs and outputs exist.",
        }
    }
    for name in sorted(_images(used)):
        found[name] = {
            "Type": "String",
            "AllowedPattern": _DIGEST,
            "Default": "",
            "Description": "Digest of the image that was pushed; empty: not yet.",
        }
    for name, kind, what in (
        (SUBNETS, "List<AWS::EC2::Subnet::Id>", "Subnets for jobs, all of one VPC."),
        (GROUPS, "List<AWS::EC2::SecurityGroup::Id>", "Security groups for jobs."),
    ):
        if name in used:
            found[name] = {"Type": kind, "Description": what}
    return found

"""Build one CloudFormation template from desired resources.

The resources have the same names as with ``scar init``, so that the other commands find them. The
stack is created in two steps, since images can be pushed only once their repositories exist:
without image digests it creates the resources that need none; an update with them adds the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scar.aws.export import endpoints, properties
from scar.aws.export.conditions import (
    CREATE_BUCKETS,
    IMAGES_PUSHED,
    build_conditions,
)
from scar.aws.export.manual_steps import (
    MANUAL_KINDS,
    manual_resources,
    manual_steps,
    resource_text,
)
from scar.aws.export.parameters import build_parameters, image_parameters
from scar.aws.export.pseudo_parameters import find_marks, render_value
from scar.aws.export.quotas import template_text
from scar.aws.model import resources as kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Translation = tuple[str, Callable[[Any], properties.Properties]]

_POLICY = "Policy"  # ends the logical id of the policy of a bucket or a queue

# Kinds with a CloudFormation type. Buckets and job definitions are translated separately: they
# need more than the resource.
CLOUDFORMATION_TYPES: Mapping[type[kinds.Resource], Translation] = {
    kinds.StateBucket: ("AWS::S3::Bucket", properties.state_bucket),
    kinds.LogGroup: ("AWS::Logs::LogGroup", properties.log_group),
    kinds.Role: ("AWS::IAM::Role", properties.role),
    kinds.InstanceProfile: ("AWS::IAM::InstanceProfile", properties.instance_profile),
    kinds.EcrRepository: ("AWS::ECR::Repository", properties.repository),
    kinds.LambdaFunction: ("AWS::Lambda::Function", properties.function),
    kinds.EventInvokeConfig: ("AWS::Lambda::EventInvokeConfig", properties.event_invoke_config),
    kinds.SourceQueue: ("AWS::SQS::Queue", properties.event_queue),
    kinds.EventSource: ("AWS::Lambda::EventSourceMapping", properties.event_source),
    kinds.InvokePermission: ("AWS::Lambda::Permission", properties.permission),
    kinds.HttpApi: ("AWS::ApiGatewayV2::Api", endpoints.http_api),
    kinds.FunctionUrl: ("AWS::Lambda::Url", endpoints.function_url),
    kinds.LaunchTemplate: ("AWS::EC2::LaunchTemplate", properties.launch_template),
    kinds.ComputeEnvironment: ("AWS::Batch::ComputeEnvironment", properties.environment),
    kinds.JobQueue: ("AWS::Batch::JobQueue", properties.queue),
    kinds.SchedulingPolicy: ("AWS::Batch::SchedulingPolicy", properties.scheduling_policy),
}


@dataclass(frozen=True)  # without slots, for the cached text
class ExportedTemplate:
    """The template as data, and the manual steps for what CloudFormation cannot create."""

    template: dict[str, Any]
    manual_steps: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        """The template as it is written."""
        return template_text(self.template)


def export_template(desired: Sequence[kinds.Resource], region: str) -> ExportedTemplate:
    """Return resources as a template; raise TypeError for a kind without a translation."""
    return _TemplateBuilder(desired, region).build()


class _TemplateBuilder:
    """Builds one template. What is compared with every resource is computed once."""

    def __init__(self, resources: Sequence[kinds.Resource], region: str) -> None:
        self.resources = resources
        self.region = region
        # Of the resources that the template creates.
        self._logical_ids = {r.key: logical_id(r) for r in resources if type(r) not in MANUAL_KINDS}
        self._rules: defaultdict[str, list[kinds.BucketNotification]] = defaultdict(list)
        for resource in resources:
            if isinstance(resource, kinds.BucketNotification):
                self._rules[resource.bucket].append(resource)
        self._needing_images = find_needing_images(resources)

    def build(self) -> ExportedTemplate:
        resources = {
            self._logical_ids[r.key]: self._resource_entry(r)
            for r in self.resources
            if type(r) not in MANUAL_KINDS
        } | dict((*self._state_bucket_policies(), *self._queue_policies(), *self._endpoint_parts()))
        used = find_marks(json.dumps(resources, ensure_ascii=False))
        images = sorted(image_parameters(used))
        conditions = build_conditions(
            images, {r["Condition"] for r in resources.values() if "Condition" in r}
        )
        steps = tuple(manual_steps(self.resources, used))
        template = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Functions of scar. Metadata contains the manual steps.",
            "Metadata": {
                "scar": {
                    "manual_steps": list(steps),
                    **render_value(manual_resources(self.resources)),
                }
            },
            "Parameters": build_parameters(used, with_buckets=CREATE_BUCKETS in conditions),
            "Conditions": conditions,
            "Resources": render_value(resources),
        }
        # CloudFormation rejects empty sections.
        return ExportedTemplate({key: part for key, part in template.items() if part}, steps)

    def _resource_entry(self, resource: kinds.Resource) -> dict[str, Any]:
        kind, resource_properties = self._translate_resource(resource)
        entry: dict[str, Any] = {"Type": kind, "Properties": resource_properties}
        dependencies = self._list_dependencies(resource)
        if dependencies:
            entry["DependsOn"] = sorted(dependencies)
        if isinstance(resource, kinds.Bucket):
            entry["Condition"] = CREATE_BUCKETS
        elif resource.key in self._needing_images:
            entry["Condition"] = IMAGES_PUSHED
        if isinstance(resource, kinds.Bucket | kinds.StateBucket) or _is_kept(resource):
            entry |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        return entry

    def _state_bucket_policies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the policies of state buckets, which are not in the buckets' properties."""
        for resource in self.resources:
            if isinstance(resource, kinds.StateBucket) and resource.requires_tls:
                yield (
                    f"{self._logical_ids[resource.key]}{_POLICY}",
                    {
                        "Type": "AWS::S3::BucketPolicy",
                        "Properties": properties.state_bucket_policy(resource, self.region),
                        "DependsOn": [self._logical_ids[resource.key]],
                        "DeletionPolicy": "Retain",
                        "UpdateReplacePolicy": "Retain",
                    },
                )

    def _queue_policies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the policies of queues; S3 validates them with a bucket's notifications."""
        for resource in self.resources:
            if isinstance(resource, kinds.SourceQueue):
                queue = self._logical_ids[resource.key]
                yield (
                    f"{queue}{_POLICY}",
                    {
                        "Type": "AWS::SQS::QueuePolicy",
                        "Properties": properties.event_queue_policy(resource, queue),
                    },
                )

    def _endpoint_parts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what HTTP endpoints consist of; it needs the function, and thus its image."""
        for resource in self.resources:
            if isinstance(resource, kinds.HttpApi | kinds.FunctionUrl):
                for part, entry in endpoints.endpoint_parts(
                    resource, self._logical_ids[resource.key]
                ):
                    yield part, {**entry, "Condition": IMAGES_PUSHED}

    def _translate_resource(self, resource: kinds.Resource) -> tuple[str, properties.Properties]:
        if isinstance(resource, kinds.Bucket):
            # In CloudFormation, notifications are a property of the bucket.
            return "AWS::S3::Bucket", properties.bucket(resource, self._rules[resource.name])
        if isinstance(resource, kinds.JobDefinition):
            return "AWS::Batch::JobDefinition", properties.definition(resource, self.region)
        if type(resource) not in CLOUDFORMATION_TYPES:
            raise TypeError(f"{resource.key} has no translation to CloudFormation")
        kind, translate = CLOUDFORMATION_TYPES[type(resource)]
        return kind, translate(resource)

    def _list_dependencies(self, resource: kinds.Resource) -> list[str]:
        """Return the logical ids of what a resource depends on in the template.

        A bucket depends on what its notification rules need, and on the policies of their queues:
        S3 validates their destinations.
        """
        keys = resource.depends_on
        if isinstance(resource, kinds.Bucket):
            keys = frozenset(key for rule in self._rules[resource.name] for key in rule.needs)
        elif resource.key not in self._needing_images:
            # It exists before the images are pushed, and what needs one does not.
            keys -= self._needing_images
        created = [key for key in keys - {resource.key} if key in self._logical_ids]
        return [self._logical_ids[key] for key in created] + [
            f"{self._logical_ids[key]}{_POLICY}"
            for key in created
            if isinstance(resource, kinds.Bucket) and key.kind == kinds.SourceQueue.kind
        ]


def find_needing_images(resources: Sequence[kinds.Resource]) -> frozenset[kinds.ResourceKey]:
    """Return the keys of the resources that need an image, directly or through others."""
    dependents: defaultdict[kinds.ResourceKey, list[kinds.ResourceKey]] = defaultdict(list)
    for resource in resources:
        for key in resource.needs:
            dependents[key].append(resource.key)
    found: set[kinds.ResourceKey] = set()
    added = [resource.key for resource in resources if _names_image(resource)]
    while added:
        key = added.pop()
        if key not in found:
            found.add(key)
            added += dependents[key]
    return frozenset(found)


def logical_id(resource: kinds.Resource) -> str:
    """Return a resource's logical ID in the template: alphanumeric and deterministic."""
    words = re.findall(r"[A-Za-z0-9]+", f"{resource.kind} {resource.name}")
    digest = hashlib.sha256(str(resource.key).encode()).hexdigest()[:6]
    return "".join(word[0].upper() + word[1:] for word in words)[:120] + digest


def _is_kept(resource: kinds.Resource) -> bool:
    return isinstance(resource, kinds.EcrRepository) and resource.is_kept


def _names_image(resource: kinds.Resource) -> bool:
    """Return whether the digest of an image, which is a parameter, is part of the resource."""
    return bool(image_parameters(find_marks(resource_text(resource))))

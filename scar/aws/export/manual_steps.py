"""What CloudFormation cannot create, and the steps that people do instead."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from scar.aws.export.parameters import SECURITY_GROUPS, SUBNETS
from scar.aws.model import resources as kinds
from scar.aws.requests.notification_filters import encode_filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Kinds without a CloudFormation resource, each with its manual step.
MANUAL_KINDS: Mapping[type[kinds.Resource], str] = {
    kinds.EcrImage: "Images: push each to its repository (`scar image compose -o`, then any"
    " tool), and set the parameter named in Metadata to its digest.",
    kinds.BatchTargetRecord: "Objects in the state bucket: upload each text in Metadata under its"
    " key.",
    kinds.SecretParameter: "Secrets of storage providers: CloudFormation cannot create SecureString"
    " parameters. Create those named in Metadata before the functions run, without their values in"
    " the shell's history: `aws ssm put-parameter --type SecureString --name NAME --value"
    " file://FILE`; or write ${ssm:/path} of existing ones in the FDL file.",
    kinds.BucketNotification: "Notifications of existing buckets (MakesBucketsToo=false): add the"
    " rules in Metadata, encoded as S3 requires, to the bucket's notification configuration, as"
    " `scar init` would.",
}
_STEPS_ALWAYS = (
    "Folders of buckets: they are optional empty objects; upload them to see the folders in S3.",
    "IDs of permissions and notification rules: generated; `scar init` would add its own.",
    "Buckets, including the state bucket, are retained when the stack is deleted.",
    "Loops with deployed functions: not checked, since nothing is read; `scar plan` checks them.",
)
_STEP_PUBLIC_IP = (
    "Fargate jobs have public IP addresses (AssignPublicIp: ENABLED): disable them if the subnets"
    " have a NAT gateway or VPC endpoints. `scar init` reads the route tables instead."
)
_STEP_NAMES = (
    "Account, Region, subnets or security groups are known to the stack only: names of compute"
    " environments and job queues, which are digests of these, and shortened role names differ from"
    " those of `scar init`."
)
_DYNAMIC_REFERENCE = "{{resolve:"
_STEP_DYNAMIC_REFERENCE = (
    "Texts with {{resolve:…}}, in environment variables for instance: CloudFormation replaces them"
    " by values of SSM or Secrets Manager, and has no way to write them as text. `scar init` does"
    " not replace them."
)


def manual_resources(resources: Sequence[kinds.Resource]) -> dict[str, object]:
    """Return, for Metadata, the desired state that has no resource in the template."""
    return {
        "images": [
            {"repository": r.name, "digest": r.digest}
            for r in resources
            if isinstance(r, kinds.EcrImage)
        ],
        "objects": [
            {"function": r.name, "bucket": r.bucket, "text": r.text}
            for r in resources
            if isinstance(r, kinds.BatchTargetRecord)
        ],
        "secrets": [{"name": r.name} for r in resources if isinstance(r, kinds.SecretParameter)],
        "folders": [
            {"bucket": r.name, "folders": list(r.folders)}
            for r in resources
            if isinstance(r, kinds.Bucket)
        ],
        "notifications": [
            {
                "bucket": r.bucket,
                "id": r.rule_id,
                "function": r.function_arn,
                **({"queue": r.queue_arn} if r.queue_arn else {}),
                "events": list(r.events),
                "prefix": encode_filter(r.prefix),
                "suffix": encode_filter(r.suffix),
            }
            for r in resources
            if isinstance(r, kinds.BucketNotification)
        ],
    }


def manual_steps(resources: Sequence[kinds.Resource], used: frozenset[str]) -> Iterator[str]:
    """Yield the steps that a stack of these resources and parameters leaves to people."""
    present = {type(r) for r in resources}
    yield from (text for kind, text in MANUAL_KINDS.items() if kind in present)
    yield from _STEPS_ALWAYS
    if any(isinstance(r, kinds.JobDefinition) and r.public_ip for r in resources):
        yield _STEP_PUBLIC_IP
    if any(_DYNAMIC_REFERENCE in resource_text(r) for r in resources):
        yield _STEP_DYNAMIC_REFERENCE
    if used & {"AccountId", "Region", SUBNETS, SECURITY_GROUPS}:
        yield _STEP_NAMES


def resource_text(resource: kinds.Resource) -> str:
    """Return the values of all fields as JSON, to search in."""
    return json.dumps(resource, ensure_ascii=False, default=_values_of)


def _values_of(value: object) -> object:
    """Return a dataclass for JSON; ``asdict`` would copy all values first."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)

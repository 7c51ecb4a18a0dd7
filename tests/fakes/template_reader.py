"""Parse a CloudFormation template into the resources that it was exported from.

Independent of the exporter: it evaluates intrinsic functions and reads resource properties as
CloudFormation does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.compile.policies import canonical_json
from scar.aws.handlers.batch.descriptions import parse_environment, parse_queue
from scar.aws.handlers.batch.job_definitions import parse_job_definition
from scar.aws.handlers.batch.scheduling_policies import parse_policy
from scar.aws.model import names, resources
from scar.aws.requests import launch_template_requests
from scar.aws.requests.notification_filters import decode_filter
from tests.fakes.endpoints.template_endpoints import is_endpoint_part, read_endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Properties = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """Reads a template; ``values`` are those of parameters and pseudo parameters."""

    template: dict[str, Any]
    values: Mapping[str, object]

    def read(self) -> list[resources.Resource]:
        """Return all resources, as if every condition were true."""
        found = [
            self._parse_resource(entry["Type"], self._value(entry["Properties"]))
            for entry in self.template["Resources"].values()
            # Policies are read with their bucket or queue, parts of endpoints with these.
            if entry["Type"] not in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")
            and not is_endpoint_part(entry)
        ]
        found += read_endpoints(self.template["Resources"], self.values, self._value)
        metadata = self._value(self.template["Metadata"]["scar"])
        found = [self._with_folders(r, metadata["folders"]) for r in found]
        found += self._notifications()
        found += [
            resources.EcrImage(name=i["repository"], digest=i["digest"]) for i in metadata["images"]
        ]
        found += [
            resources.BatchTargetRecord(name=o["function"], bucket=o["bucket"], text=o["text"])
            for o in metadata["objects"]
        ]
        found += [resources.SecretParameter(name=s["name"]) for s in metadata["secrets"]]
        return found

    def _value(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict) and value.keys() == {"Ref"}:
            return self.values[value["Ref"]]
        if isinstance(value, dict) and value.keys() == {"Fn::Sub"}:
            return self._substitute(value["Fn::Sub"])
        if isinstance(value, dict):
            return {key: self._value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        return value

    def _requires_tls(self, bucket: str) -> bool:
        policies = (
            self._value(entry["Properties"])
            for entry in self.template["Resources"].values()
            if entry["Type"] == "AWS::S3::BucketPolicy"
        )
        statements = [
            statement
            for policy in policies
            if policy["Bucket"] == bucket
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        return [s["Condition"] for s in statements] == [{"Bool": {"aws:SecureTransport": "false"}}]

    def _queue_policy(self, queue: str) -> str:
        """Return the policy whose document names the queue."""
        (found,) = (
            entry["Properties"]["PolicyDocument"]
            for entry in self.template["Resources"].values()
            if entry["Type"] == "AWS::SQS::QueuePolicy"
            and self._value(entry["Properties"]["PolicyDocument"])["Statement"][0][
                "Resource"
            ].endswith(f":{queue}")
        )
        return canonical_json(self._value(found))

    def _substitute(self, text: str) -> str:
        def one(found: re.Match[str]) -> str:
            name = found.group(1)
            return "${" + name[1:] + "}" if name.startswith("!") else str(self.values[name])

        return re.sub(r"\$\{([^}]*)\}", one, text)

    def _parse_resource(self, kind: str, p: Properties) -> resources.Resource:  # noqa: C901, PLR0911, PLR0912
        match kind:
            case "AWS::S3::Bucket" if "BucketEncryption" in p:
                rules = {r["Prefix"]: r for r in p["LifecycleConfiguration"]["Rules"]}
                (default,) = p["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                access = p["PublicAccessBlockConfiguration"]
                assert {r["Status"] for r in rules.values()} == {"Enabled"}
                days = {prefix: r["ExpirationInDays"] for prefix, r in rules.items()}
                return resources.StateBucket(
                    name=p["BucketName"],
                    keep_days=days["runs/"],
                    body_days=days["requests/"],
                    result_days=days["results/"],
                    is_private=len(access) == 4 and all(access.values()),
                    encryption=default["ServerSideEncryptionByDefault"]["SSEAlgorithm"],
                    requires_tls=self._requires_tls(p["BucketName"]),
                )
            case "AWS::S3::Bucket":
                return resources.Bucket(name=p["BucketName"])
            case "AWS::Logs::LogGroup":
                return resources.LogGroup(
                    name=p["LogGroupName"], retention_days=p.get("RetentionInDays", 0)
                )
            case "AWS::IAM::Role":
                (policy,) = p["Policies"]
                assert p["Path"] == names.ROLE_PATH
                return resources.Role(
                    name=p["RoleName"],
                    trust=canonical_json(p["AssumeRolePolicyDocument"]),
                    policy=canonical_json(policy["PolicyDocument"]),
                    boundary=p.get("PermissionsBoundary", ""),
                )
            case "AWS::IAM::InstanceProfile":
                (role,) = p["Roles"]
                return resources.InstanceProfile(name=p["InstanceProfileName"], role=role)
            case "AWS::ECR::Repository":
                return resources.EcrRepository(
                    name=p["RepositoryName"],
                    policy=canonical_json(p["RepositoryPolicyText"]),
                    lifecycle=p["LifecyclePolicy"]["LifecyclePolicyText"],
                    scan_on_push=p["ImageScanningConfiguration"]["ScanOnPush"],
                    tags=_pairs(p["Tags"]),
                )
            case "AWS::Lambda::Function":
                return _function(p)
            case "AWS::Lambda::EventInvokeConfig":
                assert p["Qualifier"] == "$LATEST"
                failure = p["DestinationConfig"].get("OnFailure", {})
                return resources.EventInvokeConfig(
                    name=p["FunctionName"],
                    retries=p["MaximumRetryAttempts"],
                    max_age=p["MaximumEventAgeInSeconds"],
                    on_failure=failure.get("Destination", ""),
                )
            case "AWS::Lambda::Permission":
                assert (p["Action"], p["Principal"]) == (
                    "lambda:InvokeFunction",
                    "s3.amazonaws.com",
                )
                bucket = p["SourceArn"].rpartition(":")[2]
                return resources.InvokePermission(
                    name=f"{p['FunctionName']}/{names.permission_statement_id(bucket)}",
                    source_arn=p["SourceArn"],
                    source_account=p["SourceAccount"],
                )
            case "AWS::SQS::Queue":
                return resources.SourceQueue(
                    name=p["QueueName"],
                    visibility=p["VisibilityTimeout"],
                    retention=p["MessageRetentionPeriod"],
                    encrypted=p["SqsManagedSseEnabled"],
                    policy=self._queue_policy(p["QueueName"]),
                    tags=tuple((t["Key"], t["Value"]) for t in p["Tags"]),
                )
            case "AWS::Lambda::EventSourceMapping":
                return resources.EventSource(
                    name=p["FunctionName"],
                    queue_arn=p["EventSourceArn"],
                    batch_size=p["BatchSize"],
                    window=p["MaximumBatchingWindowInSeconds"],
                    concurrency=p["ScalingConfig"]["MaximumConcurrency"],
                    reports_failures=p["FunctionResponseTypes"] == ["ReportBatchItemFailures"],
                    enabled=p["Enabled"],
                )
            case "AWS::EC2::LaunchTemplate":
                return launch_template_requests.parse_launch_template(p)  # type: ignore[arg-type]
            case "AWS::Batch::ComputeEnvironment":
                assert p.pop("ReplaceComputeEnvironment") is False
                return parse_environment(_lower_camel_case(p))
            case "AWS::Batch::JobQueue":
                return parse_queue(_lower_camel_case(p))
            case "AWS::Batch::SchedulingPolicy":
                return parse_policy(_lower_camel_case(p))
            case "AWS::Batch::JobDefinition":
                return parse_job_definition(_lower_camel_case(p))
            case _:
                raise AssertionError(kind)

    def _notifications(self) -> Iterator[resources.BucketNotification]:
        """Yield the notifications of the buckets, and assert that the metadata lists the same."""
        ids = {
            (n["bucket"], n["function"], n["prefix"], n["suffix"]): n["id"]
            for n in self._value(self.template["Metadata"]["scar"]["notifications"])
        }
        for entry in self.template["Resources"].values():
            if entry["Type"] == "AWS::SQS::QueuePolicy" or is_endpoint_part(entry):
                continue
            p = self._value(entry["Properties"])
            configuration = p.get("NotificationConfiguration", {})
            for rule in (
                *configuration.get("LambdaConfigurations", ()),
                *configuration.get("QueueConfigurations", ()),
            ):
                rules = rule.get("Filter", {}).get("S3Key", {}).get("Rules", ())
                only = {r["Name"]: r["Value"] for r in rules}
                prefix, suffix = only.get("prefix", ""), only.get("suffix", "")
                bucket, queue = p["BucketName"], rule.get("Queue", "")
                arn = rule.get("Function") or queue.replace(":sqs:", ":lambda:").replace(
                    "scar-events-", "function:"
                )
                yield resources.BucketNotification(
                    name=f"{bucket}/{ids.pop((bucket, arn, prefix, suffix))}",
                    function_arn=arn,
                    queue_arn=queue,
                    events=(rule["Event"],),
                    prefix=decode_filter(prefix),
                    suffix=decode_filter(suffix),
                )
        assert ids == {}

    def _with_folders(
        self, resource: resources.Resource, metadata: list[Properties]
    ) -> resources.Resource:
        if not isinstance(resource, resources.Bucket):
            return resource
        (folders,) = (t["folders"] for t in metadata if t["bucket"] == resource.name)
        return resources.Bucket(name=resource.name, folders=tuple(folders))


def _function(p: Properties) -> resources.LambdaFunction:
    assert p["PackageType"] == "Image"
    assert p["LoggingConfig"]["LogFormat"] == "Text"
    vpc = p.get("VpcConfig", {})
    return resources.LambdaFunction(
        name=p["FunctionName"],
        role_arn=p["Role"],
        image=p["Code"]["ImageUri"],
        memory=p["MemorySize"],
        timeout=p["Timeout"],
        ephemeral_mb=p["EphemeralStorage"]["Size"],
        architecture=p["Architectures"][0],
        environment=tuple(p["Environment"]["Variables"].items()),
        description=p["Description"],
        tags=_pairs(p["Tags"]),
        reserved_concurrency=p.get("ReservedConcurrentExecutions"),
        subnets=tuple(vpc.get("SubnetIds", ())),
        security_groups=tuple(vpc.get("SecurityGroupIds", ())),
        file_systems=tuple((f["Arn"], f["LocalMountPath"]) for f in p.get("FileSystemConfigs", ())),
        log_group=p["LoggingConfig"].get("LogGroup", ""),
        allow_loop=p.get("RecursiveLoop") == "Allow",
    )


def _pairs(tags: list[dict[str, str]]) -> resources.Pairs:
    return tuple((tag["Key"], tag["Value"]) for tag in tags)


def _lower_camel_case(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Spell Batch's properties as its API does."""
    if isinstance(value, list):
        return [_lower_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    maps = ("Tags", "Options")
    others = {"S3FilesVolumeConfiguration": "s3filesVolumeConfiguration"}
    return {
        others.get(k, k[0].lower() + k[1:]): v if k in maps else _lower_camel_case(v)
        for k, v in value.items()
    }

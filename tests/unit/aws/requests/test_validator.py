"""Every limit: allowed at both ends, rejected one step beyond, with AWS's code and status."""

from __future__ import annotations

import pytest

from scar.aws.model import limits
from scar.aws.requests.rules.batch import overrides_failure
from scar.aws.requests.rules.s3 import AMBIGUOUS_RULES
from scar.aws.requests.validator import check


def codes(service: str, operation: str, **parameters: object) -> list[tuple[str, int]]:
    return [(v.code, v.status) for v in check(service, operation, parameters)]


VALIDATION = [("ValidationException", 400)]
CLIENT = [("ClientException", 400)]


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("MemorySize", (128, 10_240), (127, 10_241)),
        ("Timeout", (1, 900), (0, 901)),
        ("EphemeralStorage", ({"Size": 512}, {"Size": 10_240}), ({"Size": 511}, {"Size": 10_241})),
        ("Description", ("", "x" * 256), ("x" * 257,)),
        ("FunctionName", ("a", "a" * 64, "A-b_9"), ("", "a" * 65, "a.b", "a b")),
        ("PackageType", ("Image", "Zip"), ("image",)),
        ("Architectures", (["arm64"], ["x86_64"]), (["amd64"],)),
    ],
)
@pytest.mark.parametrize("operation", ["CreateFunction", "UpdateFunctionConfiguration"])
def test_lambda_accepts_only_values_within_its_limits(
    operation: str, field: str, good: tuple[object, ...], bad: tuple[object, ...]
) -> None:
    for value in good:
        assert codes("lambda", operation, **{field: value}) == []
    for value in bad:
        found = codes("lambda", operation, **{field: value})
        assert found
        assert set(found) == set(VALIDATION)


def test_lambda_s_message_about_memory_is_aws_s() -> None:
    (violation,) = check("lambda", "CreateFunction", {"MemorySize": 64})
    assert violation.message == (
        "1 validation error detected: Value '64' at 'memorySize' failed to satisfy constraint: "
        "Member must have value greater than or equal to 128"
    )


def test_lambda_s_environment_variables_are_limited_to_four_kilobytes() -> None:
    frame = len('{"AB":""}')
    fits = {"Variables": {"AB": "x" * (4096 - frame)}}
    assert codes("lambda", "CreateFunction", Environment=fits) == []
    (violation,) = check(
        "lambda", "CreateFunction", {"Environment": {"Variables": {"AB": "x" * (4097 - frame)}}}
    )
    assert violation.code == "InvalidParameterValueException"
    assert "exceeded the 4KB limit. String measured: {" in violation.message


def test_lambda_reserves_some_environment_variables() -> None:
    (violation,) = check(
        "lambda", "CreateFunction", {"Environment": {"Variables": {"AWS_REGION": "x", "AA": ""}}}
    )
    assert violation.message.endswith("Reserved keys used in this request: AWS_REGION")


@pytest.mark.parametrize(
    ("kind", "limit"), [("Event", 1024 * 1024), ("RequestResponse", 6 * 1024 * 1024)]
)
def test_payloads_are_limited_by_invocation_type(kind: str, limit: int) -> None:
    assert codes("lambda", "Invoke", InvocationType=kind, Payload=limit) == []
    assert codes("lambda", "Invoke", InvocationType=kind, Payload=b"x" * limit) == []
    (violation,) = check("lambda", "Invoke", {"InvocationType": kind, "Payload": limit + 1})
    assert violation.code == "RequestTooLargeException"
    assert violation.status == 413
    assert violation.message == (
        f"{limit + 1} byte payload is too large for the {kind} invocation type"
        f" (limit {limit} bytes)"
    )


def test_payloads_are_measured_in_bytes_of_utf8() -> None:
    assert codes("lambda", "Invoke", InvocationType="Event", Payload="é" * 600_000) != []


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("MaximumRetryAttempts", (0, 2), (-1, 3)),
        ("MaximumEventAgeInSeconds", (60, 21_600), (59, 21_601)),
    ],
)
def test_asynchronous_invocation_settings_have_limits(
    field: str, good: tuple[int, ...], bad: tuple[int, ...]
) -> None:
    for value in good:
        assert codes("lambda", "PutFunctionEventInvokeConfig", **{field: value}) == []
    for value in bad:
        assert codes("lambda", "PutFunctionEventInvokeConfig", **{field: value}) == VALIDATION


def definition(**changes: object) -> dict[str, object]:
    container = {
        "image": "busybox",
        "resourceRequirements": [
            {"type": "VCPU", "value": "1"},
            {"type": "MEMORY", "value": "2048"},
        ],
        "executionRoleArn": "arn:aws:iam::1:role/x",
    }
    return {"jobDefinitionName": "crop", "containerProperties": container, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"timeout": {"attemptDurationSeconds": 59}},
        {"retryStrategy": {"attempts": 0}},
        {"retryStrategy": {"attempts": 11}},
        {"retryStrategy": {"evaluateOnExit": [{"action": "EXIT"}] * 6}},
        {"jobDefinitionName": "a" * 129},
        {"jobDefinitionName": "a.b"},
    ],
)
def test_batch_rejects_a_definition_beyond_a_limit(changes: dict[str, object]) -> None:
    assert codes("batch", "RegisterJobDefinition", **definition(**changes)) == CLIENT


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"timeout": {"attemptDurationSeconds": 60}},
        {"retryStrategy": {"attempts": 10, "evaluateOnExit": [{"action": "EXIT"}] * 5}},
        {"jobDefinitionName": "a" * 128},
        {"platformCapabilities": ["FARGATE"]},
    ],
)
def test_batch_accepts_a_definition_at_its_limits(changes: dict[str, object]) -> None:
    assert codes("batch", "RegisterJobDefinition", **definition(**changes)) == []


def padded(base: dict[str, object], name: str, size: int) -> dict[str, object]:
    from scar.aws.requests.rules.constraints import json_size as measure

    missing = size - measure({**base, name: ""})
    return {**base, name: "x" * missing}


def test_a_job_definition_has_at_most_24_kibibytes() -> None:
    assert (
        codes("batch", "RegisterJobDefinition", **padded(definition(), "filler", 24 * 1024)) == []
    )
    (violation,) = check(
        "batch", "RegisterJobDefinition", padded(definition(), "filler", 24 * 1024 + 1)
    )
    assert "size must be less than 24 KiB, got 25 KiB" in violation.message


def test_a_submission_has_at_most_30_kibibytes() -> None:
    base: dict[str, object] = {"jobName": "crop-1"}
    assert codes("batch", "SubmitJob", **padded(base, "filler", 30 * 1024)) == []
    (violation,) = check("batch", "SubmitJob", padded(base, "filler", 47 * 1024))
    assert violation.message.endswith("Job size must be less than 30 KiB, got 47 KiB")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"arrayProperties": {"size": 2}}, {"arrayProperties": {"size": 1}}),
        ({"arrayProperties": {"size": 10_000}}, {"arrayProperties": {"size": 10_001}}),
        ({"dependsOn": [{"jobId": "x"}] * 20}, {"dependsOn": [{"jobId": "x"}] * 21}),
        (
            {"arrayProperties": {"size": 2}, "dependsOn": [{"type": "SEQUENTIAL"}]},
            {"dependsOn": [{"type": "SEQUENTIAL"}]},
        ),
        (
            {"arrayProperties": {"size": 2}, "dependsOn": [{"type": "N_TO_N", "jobId": "x"}]},
            {"arrayProperties": {"size": 2}, "dependsOn": [{"type": "N_TO_N"}]},
        ),
        ({"dependsOn": [{"jobId": "x", "type": "SEQUENTIAL"}]}, {"dependsOn": [{}]}),
        ({"dependsOn": []}, {"dependsOn": [{"jobId": "x", "type": "AFTER"}]}),
        ({}, {"dependsOn": [{"jobId": "x", "type": "N_TO_N"}]}),
    ],
)
def test_arrays_and_dependencies_have_limits(
    good: dict[str, object], bad: dict[str, object]
) -> None:
    assert codes("batch", "SubmitJob", jobName="a", **good) == []
    assert codes("batch", "SubmitJob", jobName="a", **bad) == CLIENT


def test_large_overrides_are_accepted_and_the_job_fails_later() -> None:
    def job(size: int) -> dict[str, object]:
        return {"jobName": "a", "containerOverrides": padded({}, "filler", size)}

    assert overrides_failure(job(8192)) is None
    assert check("batch", "SubmitJob", job(8193)) == ()
    assert overrides_failure(job(8193)) == "Container Overrides length must be at most 8192"
    assert overrides_failure({"jobName": "a"}) is None


def test_job_variables_must_not_have_batch_s_prefix() -> None:
    environment = [{"name": "AWS_BATCH_X", "value": "1"}]
    overrides = {"environment": environment}
    assert codes("batch", "SubmitJob", jobName="a", containerOverrides=overrides) == CLIENT


def fargate(vcpus: str, memory: int) -> list[tuple[str, int]]:
    needs = [{"type": "VCPU", "value": vcpus}, {"type": "MEMORY", "value": str(memory)}]
    container = {"resourceRequirements": needs, "executionRoleArn": "arn:x"}
    return codes(
        "batch",
        "RegisterJobDefinition",
        platformCapabilities=["FARGATE"],
        containerProperties=container,
    )


@pytest.mark.parametrize("vcpus", list(limits.FARGATE_MEMORY))
def test_fargate_has_its_own_pairs_of_vcpus_and_memory(vcpus: str) -> None:
    pairs = limits.FARGATE_MEMORY[vcpus]
    assert fargate(vcpus, min(pairs)) == fargate(vcpus, max(pairs)) == []
    assert fargate(vcpus, min(pairs) - 1) == fargate(vcpus, max(pairs) + 1) == CLIENT


def test_fargate_has_no_other_number_of_vcpus() -> None:
    assert fargate("3", 8192) == CLIENT


def environment(**settings: object) -> list[tuple[str, int]]:
    resources = {"maxvCpus": 1, "subnets": ["s"], "securityGroupIds": ["g"], **settings}
    return codes("batch", "CreateComputeEnvironment", type="MANAGED", computeResources=resources)


def test_ec2_environments_require_members_that_fargate_must_not_have() -> None:
    instances = {"type": "EC2", "instanceRole": "r", "instanceTypes": ["optimal"], "minvCpus": 0}
    assert environment(**instances) == []
    assert environment(type="FARGATE") == []
    assert environment(type="FARGATE", instanceRole="r") == CLIENT
    assert environment(**{**instances, "instanceRole": ""}) == CLIENT
    assert environment(**{**instances, "maxvCpus": 0}) == CLIENT
    assert environment(**{**instances, "minvCpus": 2}) == CLIENT


def test_a_queue_has_one_to_three_environments() -> None:
    def queue(count: int) -> list[tuple[str, int]]:
        order = [{"order": n, "computeEnvironment": f"e{n}"} for n in range(count)]
        return codes("batch", "CreateJobQueue", jobQueueName="q", computeEnvironmentOrder=order)

    assert queue(1) == queue(3) == []
    assert queue(0) == queue(4) == CLIENT


def test_a_queue_has_an_environment_once() -> None:
    order = [{"order": n, "computeEnvironment": "e"} for n in (1, 2)]
    assert codes("batch", "UpdateJobQueue", jobQueue="q", computeEnvironmentOrder=order) == CLIENT


@pytest.mark.parametrize(
    ("resources", "is_accepted"),
    [
        ({"type": "SPOT", "bidPercentage": 1}, True),
        ({"type": "SPOT", "bidPercentage": 101}, False),
        ({"type": "EC2", "scalingPolicy": {"minScaleDownDelayMinutes": 20}}, True),
        ({"type": "EC2", "scalingPolicy": {"minScaleDownDelayMinutes": 0}}, True),
        ({"type": "EC2", "scalingPolicy": {"minScaleDownDelayMinutes": 19}}, False),
        ({"type": "EC2", "allocationStrategy": "BEST_FIT_PROGRESSIVE_ORDERED"}, True),
        ({"type": "SPOT", "allocationStrategy": "BEST_FIT_PROGRESSIVE_ORDERED"}, False),
        ({"type": "SPOT", "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}, True),
        ({"type": "EC2", "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}, False),
    ],
)
def test_what_only_some_environments_have(resources: dict[str, object], is_accepted: bool) -> None:
    whole = {
        "allocationStrategy": "BEST_FIT_PROGRESSIVE",
        "maxvCpus": 2,
        "subnets": ["s"],
        "instanceRole": "r",
        "instanceTypes": ["m5"],
        **resources,
    }
    if resources["type"] == "SPOT" and "allocationStrategy" not in resources:
        whole["allocationStrategy"] = "SPOT_CAPACITY_OPTIMIZED"
    request = {"computeEnvironmentName": "e", "type": "MANAGED", "computeResources": whole}
    assert codes("batch", "CreateComputeEnvironment", **request) == ([] if is_accepted else CLIENT)


@pytest.mark.parametrize(
    ("shares", "is_accepted"),
    [
        ([("labA", 0.0001), ("labB*", 999.9999)], True),
        ([("lab-a", 1.0)], False),
        ([("labA", 0.0)], False),
        ([("labA", 1000.0)], False),
        ([("lab*", 1.0), ("labA", 1.0)], False),
        ([("lab*", 1.0), ("labA*", 1.0)], False),
    ],
)
def test_shares_are_alphanumeric_and_do_not_overlap(
    shares: list[tuple[str, float]], is_accepted: bool
) -> None:
    listed = [{"shareIdentifier": name, "weightFactor": weight} for name, weight in shares]
    policy = {"shareDistribution": listed}
    found = codes("batch", "CreateSchedulingPolicy", name="p", fairsharePolicy=policy)
    assert found == ([] if is_accepted else CLIENT)


@pytest.mark.parametrize(
    ("fields", "is_accepted"),
    [
        ({"shareIdentifier": "labA", "schedulingPriorityOverride": 9999}, True),
        ({"shareIdentifier": "lab-a"}, False),
        ({"schedulingPriorityOverride": 10_000}, False),
    ],
)
def test_a_job_has_one_share_and_a_priority(fields: dict[str, object], is_accepted: bool) -> None:
    job = {"jobName": "j", "jobQueue": "q", "jobDefinition": "d", **fields}
    assert codes("batch", "SubmitJob", **job) == ([] if is_accepted else CLIENT)


@pytest.mark.parametrize("letter", ["a", "é", "€"])
def test_object_keys_have_at_most_1024_bytes(letter: str) -> None:
    fits = 1024 // len(letter.encode())
    assert codes("s3", "PutObject", Key=letter * fits) == []
    assert codes("s3", "PutObject", Key=letter * (fits + 1)) == [("KeyTooLongError", 400)]


def test_metadata_has_at_most_two_kilobytes() -> None:
    assert codes("s3", "PutObject", Key="k", Metadata={"ab": "x" * 2046}) == []
    found = codes("s3", "PutObject", Key="k", Metadata={"ab": "x" * 2047})
    assert found == [("MetadataTooLarge", 400)]


@pytest.mark.parametrize("name", ["abc", "a" * 63, "a.b-c9"])
def test_valid_bucket_names_are_accepted(name: str) -> None:
    assert codes("s3", "CreateBucket", Bucket=name) == []


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Abc", "a_b", "a..b", "1.2.3.4", "-ab", "ab-"])
def test_invalid_bucket_names_are_rejected(name: str) -> None:
    assert codes("s3", "CreateBucket", Bucket=name) == [("InvalidBucketName", 400)]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ([("k" * 128, "v" * 256)], [("k" * 129, "")]),
        ([("scar:managed", "true")], [("", "true")]),
        ([("k", "")], [("k", "v" * 257)]),
        ([("k", "a b+-=._:/@")], [("k", "a&b")]),
        ([(f"k{n}", "") for n in range(50)], [(f"k{n}", "") for n in range(51)]),
        ([("aws-like", "")], [("aws:like", "")]),
    ],
)
def test_buckets_are_created_with_valid_tags_only(
    good: list[tuple[str, str]], bad: list[tuple[str, str]]
) -> None:
    def found(pairs: list[tuple[str, str]]) -> list[tuple[str, int]]:
        tags = [{"Key": key, "Value": value} for key, value in pairs]
        return codes("s3", "CreateBucket", Bucket="abc", CreateBucketConfiguration={"Tags": tags})

    assert found(good) == []
    assert [status for _, status in found(bad)] == [400]


def rule(
    prefix: str = "", suffix: str = "", event: str = "s3:ObjectCreated:*"
) -> dict[str, object]:
    filters = [{"Name": "Prefix", "Value": prefix}, {"Name": "suffix", "Value": suffix}]
    return {"Events": [event], "Filter": {"Key": {"FilterRules": filters}}}


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (rule("a/"), rule("b/"), False),
        (rule("a/"), rule("a/b/"), True),
        (rule(), rule("b/"), True),
        (rule("a/", ".jpg"), rule("a/", ".png"), False),
        (rule("a/", ".jpg"), rule("a/", "g"), True),
        (rule("my+photos/"), rule("my%20photos/a/"), True),
        (rule("year%3D1/"), rule("year%3d1/"), True),
        (rule("year%3D1/"), rule("year=1/"), True),
        (rule("a%2Fb"), rule("a/"), True),
        (rule("a%"), rule("a%25"), True),
        (rule("a%252"), rule("a%252F"), True),
        (rule("a%2"), rule("a%2F"), False),
        (rule("a+b/"), rule("a%2Bb/"), False),
        (rule("a/"), rule("a/", event="s3:ObjectRemoved:*"), False),
        (rule("a/"), rule("a/", event="s3:ObjectCreated:Put"), True),
        (
            rule("a/", event="s3:ObjectCreated:Copy"),
            rule("a/", event="s3:ObjectCreated:Put"),
            False,
        ),
    ],
)
def test_notification_rules_may_not_overlap(
    one: dict[str, object], other: dict[str, object], *, overlap: bool
) -> None:
    configuration = {"LambdaFunctionConfigurations": [one], "QueueConfigurations": [other]}
    found = check(
        "s3", "PutBucketNotificationConfiguration", {"NotificationConfiguration": configuration}
    )
    assert [v.message for v in found] == ([AMBIGUOUS_RULES] if overlap else [])


@pytest.mark.parametrize(("value", "valid"), [("x" * 1024, True), ("%20" * 342, False)])
def test_the_encoded_value_of_a_filter_has_a_limit(value: str, *, valid: bool) -> None:
    configuration = {"LambdaFunctionConfigurations": [rule(value)]}
    found = check(
        "s3", "PutBucketNotificationConfiguration", {"NotificationConfiguration": configuration}
    )
    assert (found == ()) is valid


def test_role_names_and_policies_have_limits() -> None:
    assert codes("iam", "CreateRole", RoleName="a" * 64) == []
    assert codes("iam", "CreateRole", RoleName="a" * 65) == VALIDATION
    assert codes("iam", "PutRolePolicy", PolicyDocument="x" * 10_240 + " ") == []
    assert codes("iam", "PutRolePolicy", PolicyDocument="x" * 10_241) == [("LimitExceeded", 409)]


def test_repositories_are_lower_case() -> None:
    assert codes("ecr", "CreateRepository", repositoryName="scar/crop-1") == []
    assert codes("ecr", "CreateRepository", repositoryName="scar/Crop") != []


def test_logs_are_kept_for_certain_numbers_of_days() -> None:
    assert codes("logs", "PutRetentionPolicy", retentionInDays=30) == []
    assert codes("logs", "PutRetentionPolicy", retentionInDays=31) != []


def test_unknown_operations_are_not_checked() -> None:
    assert check("sqs", "SendMessage", {"MessageBody": "x" * 10_000_000}) == ()


@pytest.mark.parametrize(
    ("key", "value", "valid"),
    [
        ("team", "sky +-=._:/@", True),
        ("Équipe", "日本 ٣", True),
        ("k" * 128, "v" * 256, True),
        ("k" * 129, "v", False),
        ("k", "v" * 257, False),
        ("", "v", False),
        ("k", "a#b", False),
        ("k*", "v", False),
        ("k", "a\tb", False),
        ("k", "😀", False),
        ("aws:k", "v", False),
        ("k", "", True),
    ],
)
def test_tags_have_the_same_rules_in_all_services(key: str, value: str, *, valid: bool) -> None:
    pairs = [{"Key": key, "Value": value}]
    found = (
        check("lambda", "CreateFunction", {"Tags": {key: value}}),
        check("ecr", "CreateRepository", {"tags": pairs}),
        check(
            "s3",
            "CreateBucket",
            {"Bucket": "abc", "CreateBucketConfiguration": {"Tags": pairs}},
        ),
    )
    if key:
        assert [violations == () for violations in found] == [valid] * 3


def test_a_resource_has_at_most_50_tags() -> None:
    for count, valid in ((50, True), (51, False)):
        tags = {f"k{number}": "v" for number in range(count)}
        assert (check("lambda", "CreateFunction", {"Tags": tags}) == ()) is valid


def test_documents_of_iam_have_no_character_above_latin_1() -> None:
    for text, valid in (('{"é":"\\u65e5"}', True), ('{"日":""}', False)):
        assert (check("iam", "PutRolePolicy", {"PolicyDocument": text}) == ()) is valid
        assert (check("iam", "CreateRole", {"AssumeRolePolicyDocument": text}) == ()) is valid

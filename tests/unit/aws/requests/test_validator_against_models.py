"""The validator's limits agree with the SDK's service models, where these have limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from scar.aws.model import limits
from scar.aws.requests import validator
from scar.aws.requests.rules.batch import compute_environments

if TYPE_CHECKING:
    from scar.aws.model.limits import Limit

SESSION = botocore.session.Session()


def shape(service: str, path: str) -> Any:  # noqa: ANN401
    """Return the shape of a parameter, such as ``CreateFunction.EphemeralStorage.Size``."""
    operation, *members = path.split(".")
    found: Any = SESSION.get_service_model(service).operation_model(operation).input_shape
    for member in members:
        found = found.members[member]
        while found.type_name == "list":
            found = found.member
    return found


@pytest.mark.parametrize(
    ("limit", "service", "path"),
    [
        (limits.LAMBDA_RETRIES, "lambda", "PutFunctionEventInvokeConfig.MaximumRetryAttempts"),
        (
            limits.LAMBDA_EVENT_AGE,
            "lambda",
            "PutFunctionEventInvokeConfig.MaximumEventAgeInSeconds",
        ),
        (limits.LAMBDA_DESCRIPTION, "lambda", "CreateFunction.Description"),
        (limits.LAMBDA_STATEMENT_ID, "lambda", "AddPermission.StatementId"),
        (limits.IAM_ROLE_NAME, "iam", "CreateRole.RoleName"),
        (limits.ECR_REPOSITORY_NAME, "ecr", "CreateRepository.repositoryName"),
    ],
)
def test_a_range_is_the_model_s(limit: Limit, service: str, path: str) -> None:
    metadata = shape(service, path).metadata
    assert (limit.minimum, limit.maximum) == (metadata.get("min", 0), metadata["max"])


@pytest.mark.parametrize(
    ("limit", "service", "path"),
    [
        (limits.LAMBDA_MEMORY, "lambda", "CreateFunction.MemorySize"),
        (limits.LAMBDA_TIMEOUT, "lambda", "CreateFunction.Timeout"),
        (limits.LAMBDA_EPHEMERAL, "lambda", "CreateFunction.EphemeralStorage.Size"),
        (limits.LAMBDA_NAME, "lambda", "CreateFunction.FunctionName"),
    ],
)
def test_a_range_is_within_the_model_s(limit: Limit, service: str, path: str) -> None:
    """The model is wider: it has ARNs for names, and values for Managed Instances only."""
    metadata = shape(service, path).metadata
    assert metadata.get("min", 0) <= limit.minimum
    assert limit.maximum <= metadata.get("max", limit.maximum)


def refused(service: str, operation: str, **given: object) -> bool:
    return bool(validator.check(service, operation, given))


@pytest.mark.parametrize(
    ("path", "wrap"),
    [
        ("CreateFunction.PackageType", lambda v: {"PackageType": v}),
        ("CreateFunction.Architectures", lambda v: {"Architectures": [v]}),
        ("Invoke.InvocationType", lambda v: {"InvocationType": v}),
    ],
)
def test_lambda_accepts_every_value_of_the_model_s_enumerations(path: str, wrap: Any) -> None:  # noqa: ANN401
    values = shape("lambda", path).enum
    assert values
    operation = path.partition(".")[0]
    assert not any(refused("lambda", operation, **wrap(value)) for value in values)
    assert refused("lambda", operation, **wrap("something-else"))


def test_batch_accepts_the_model_s_compute_types() -> None:
    types = shape("batch", "CreateComputeEnvironment.computeResources.type").enum
    # Managed Instances require ecsProperties, which scar's job definitions do not have.
    assert set(compute_environments._TYPES) == {*types} - {"ECS_MANAGED_INSTANCES"}


@pytest.mark.parametrize(
    ("service", "path", "names"),
    [
        ("lambda", "AddPermission.StatementId", ("a", "A-b_9", "scar-s3-x")),
        ("iam", "CreateRole.RoleName", ("a", "a.b@c", "x+=,")),
        ("ecr", "CreateRepository.repositoryName", ("scar/crop", "ab", "a-b/c.d_e")),
    ],
)
def test_names_that_the_validator_accepts_match_the_model_s_pattern(
    service: str, path: str, names: tuple[str, ...]
) -> None:
    operation, member = path.split(".")
    pattern = shape(service, path).metadata["pattern"]
    for name in names:
        assert not refused(service, operation, **{member: name})
        assert re.fullmatch(pattern.replace("\\p{M}", ""), name)
    for name in ("a b", "ü/", "%"):
        assert refused(service, operation, **{member: name})
        assert not re.fullmatch(pattern, name)


def test_retentions_are_those_that_the_model_s_text_lists() -> None:
    text = shape("logs", "PutRetentionPolicy.retentionInDays").documentation
    match = re.search(r"Possible values are: ([\d, and]+)", text)
    assert match
    assert {int(n) for n in re.findall(r"\d+", match[1])} == limits.LOG_RETENTION_DAYS


def test_fargate_s_memory_is_what_the_model_s_text_lists() -> None:
    model: Any = SESSION.get_service_model("batch").shape_for("ResourceRequirement")
    text = model.members["value"].documentation
    listed: dict[int, set[str]] = {}
    for memory, vcpus in re.findall(
        r"<dt>value = (.*?)</dt>.*?<code>VCPU</code> = (.*?)</p>", text
    ):
        for size in re.findall(r"\d+", memory):
            listed.setdefault(int(size), set()).update(re.findall(r"[\d.]*\d", vcpus))
    assert listed
    for size, vcpus in listed.items():
        ours = {v for v, sizes in limits.FARGATE_MEMORY.items() if size in sizes}
        assert vcpus <= ours, size


def test_every_rule_is_for_an_operation_of_the_model() -> None:
    for service, operation in validator._RULES:
        assert operation in SESSION.get_service_model(service).operation_names

"""The paths of resource fields in AWS's requests and descriptions."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from scar.aws.handlers.batch.job_definitions import parse_job_definition
from scar.aws.model.resources import EventInvokeConfig, JobDefinition, LambdaFunction, Resource
from scar.aws.requests.batch_requests import register_definition_request
from scar.aws.requests.field_paths import add_fields, read_fields

if TYPE_CHECKING:
    from botocore.model import Shape

# Each resource type with the operation that creates it, and the path of its description.
KINDS: list[tuple[type[Resource], str, str, str, str]] = [
    (JobDefinition, "batch", "RegisterJobDefinition", "DescribeJobDefinitions", "jobDefinitions"),
    (LambdaFunction, "lambda", "CreateFunction", "GetFunction", "Configuration"),
    (
        EventInvokeConfig,
        "lambda",
        "PutFunctionEventInvokeConfig",
        "GetFunctionEventInvokeConfig",
        "",
    ),
]


def member(shape: Shape | None, path: str) -> Any:  # noqa: ANN401 - botocore's shapes
    found: Any = shape
    for name in filter(None, path.split(".")):
        found = getattr(found, "member", found).members[name]
    return getattr(found, "member", found)


@pytest.mark.parametrize(("kind", "service", "create", "describe", "where"), KINDS)
def test_aws_knows_every_path_in_requests_and_in_descriptions(
    kind: type[Resource], service: str, create: str, describe: str, where: str
) -> None:
    model = botocore.session.Session().get_service_model(service)
    request, response = model.operation_model(create), model.operation_model(describe)
    assert kind.request_paths
    for path in kind.request_paths.values():
        requested = member(request.input_shape, path)
        described = member(response.output_shape, f"{where}.{path}")
        assert requested.type_name == described.type_name in ("string", "integer", "boolean")


@pytest.mark.parametrize("kind", [each[0] for each in KINDS])
def test_fields_are_parsed_from_descriptions_as_written(kind: type[Resource]) -> None:
    types = {field.name: str(field.type) for field in fields(kind)}
    values: dict[str, Any] = {
        name: number if types[name] == "int" else f"text {number}"
        for number, name in enumerate(kind.request_paths, start=7)
    }
    request: dict[str, Any] = {}
    add_fields(request, kind(name="x", **values))
    assert read_fields(request, kind) == values


def test_fields_missing_in_a_description_have_aws_s_defaults() -> None:
    assert read_fields({"timeout": None, "retryStrategy": {}}, JobDefinition) == {}
    bare: Any = {"jobDefinitionName": "x", "containerProperties": {}}
    assert parse_job_definition(bare) == JobDefinition(name="x")


def test_empty_fields_are_left_out_of_job_definitions() -> None:
    request = register_definition_request(JobDefinition(name="x", image="i"), "r")
    assert request["containerProperties"]["image"] == "i"
    assert not {"executionRoleArn", "ephemeralStorage"} & request["containerProperties"].keys()
    assert "timeout" not in request

"""Each option of ``batch`` is in a request that AWS takes, and is read back from it.

botocore checks types and required members, scar's validator limits and rules, and the local cloud
takes only fields that it implements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import assume, given, settings

from scar.aws.compile.from_fdl import functions_of
from scar.aws.compile.function_config import function_config
from scar.aws.compile.placeholders import compile_with_placeholders, placeholder_networks
from scar.aws.handlers.batch.descriptions import parse_environment, parse_queue
from scar.aws.handlers.batch.job_definitions import parse_job_definition, without_raw
from scar.aws.handlers.batch.scheduling_policies import parse_policy
from scar.aws.model.account import Account
from scar.aws.model.resources import (
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
    LaunchTemplate,
    Resource,
    SchedulingPolicy,
)
from scar.aws.requests import batch_requests, validator
from scar.aws.requests.creation import creation_requests
from scar.aws.requests.launch_template_requests import (
    launch_template_request,
    parse_launch_template,
)
from scar.fdl.loader import load_document
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, DiskSpec, SchedulingSpec
from scar.fdl.model.batch import MultiNodeSpec
from scar.fdl.problems import InvalidFdlError
from scar.local.moto.fields import check_fields
from supervisor.config import config_to_json, parse_config
from supervisor.model import ImageDefaults
from tests.fakes.options.batch_option_sets import function_sections
from tests.fakes.options.batch_options import (
    OPTIONS,
    WITHOUT_EFFECT,
    complete,
    part_of,
    section,
    write,
)
from tests.profiles import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.aws.model.function import Function

ACCOUNT = Account("123456789012", "eu-west-1", "aws")
SESSION = botocore.session.Session()
IDS = [f"{name}.{key}" for name, key, _, _ in OPTIONS]
# Raw fields of containers that the local cloud does not implement: it refuses them by name.
NOT_EMULATED = (
    "privileged",
    "user",
    "readonlyRootFilesystem",
    "initProcessEnabled",
    "swappiness",
    "volumes.host",
)


def load(folder: Path, *sections: dict[str, Any]) -> tuple[Function, ...]:
    return functions_of(load_document(write(folder, *sections)))


def compiled(functions: tuple[Function, ...]) -> tuple[Resource, ...]:
    return compile_with_placeholders(functions, ACCOUNT)


def config_text(function: Function) -> str:
    (network,) = placeholder_networks((function,), ("subnet-1",), ("sg-1",)).values()
    return config_to_json(function_config(function, ACCOUNT, ImageDefaults(), network))


def requests_for(resources: tuple[Resource, ...]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield service, operation and parameters of each complete request."""
    for resource in resources:
        if isinstance(resource, LaunchTemplate):
            yield "ec2", "CreateLaunchTemplate", {**launch_template_request(resource)}
        for service, operation, parameters in creation_requests(resource, ACCOUNT.region):
            yield service, operation, {**parameters}


def check_requests(resources: tuple[Resource, ...]) -> None:
    """Check requests by the SDK's model, AWS's rules and what the local cloud implements."""
    for service, operation, parameters in requests_for(resources):
        label = f"{service} {operation}"
        if operation != "PutRetentionPolicy" and service != "iam":  # only a part of the request
            model: Any = SESSION.get_service_model(service).operation_model(operation)
            report = ParamValidator().validate(parameters, model.input_shape)
            assert not report.has_errors(), f"{label}: {report.generate_report()}"
        assert not validator.check(service, operation, parameters), label
        error = check_fields(service, operation, parameters)
        assert error is None or any(name in error.message for name in NOT_EMULATED), error


def read_back(resource: Resource) -> Resource | None:
    """Return the resource as it is read from AWS if AWS describes what was requested."""
    request: Any
    match resource:
        case ComputeEnvironment():
            request = batch_requests.create_environment_request(resource)
            request["status"] = "VALID"
            return parse_environment(request)
        case JobQueue():
            request = batch_requests.create_queue_request(resource)
            request["status"] = "VALID"
            return parse_queue(request)
        case SchedulingPolicy():
            request = batch_requests.create_policy_request(resource)
            return parse_policy(request)
        case LaunchTemplate():
            request = launch_template_request(resource)
            request["VersionNumber"] = 1
            return parse_launch_template(request)
        case JobDefinition():
            request = batch_requests.register_definition_request(resource, ACCOUNT.region)
            found = parse_job_definition(request, resource.tags)
            return without_raw(found, resource, ACCOUNT.region)
        case _:
            return None


def check_reading(resources: tuple[Resource, ...]) -> None:
    for resource in resources:
        if (found := read_back(resource)) is not None:
            assert resource.differing_fields(found) == (), resource.key


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("batch", BatchSpec),
        ("compute_resources", ComputeResourcesSpec),
        ("scheduling", SchedulingSpec),
        ("disk", DiskSpec),
    ],
)
def test_no_option_is_forgotten(name: str, model: Any) -> None:  # noqa: ANN401
    keys = {key for part, key, _, _ in OPTIONS if part == name} | WITHOUT_EFFECT.get(name, set())
    assert keys == set(model.model_fields)
    ((_, _, nodes, _),) = (o for o in OPTIONS if o[1] == "multi_node_parallel")
    assert nodes.keys() == MultiNodeSpec.model_fields.keys()


@pytest.mark.parametrize("option", OPTIONS, ids=IDS)
def test_an_option_is_requested_and_read_back(
    tmp_path: Path, option: tuple[str, str, Any, dict[str, Any]]
) -> None:
    functions = load(tmp_path, section(*option))
    resources = compiled(functions)
    check_requests(resources)
    check_reading(resources)
    parse_config(config_text(functions[0]))


@pytest.mark.parametrize("option", OPTIONS, ids=IDS)
def test_an_option_has_an_effect(
    tmp_path: Path, option: tuple[str, str, Any, dict[str, Any]]
) -> None:
    name, key, _, _ = option
    with_option = load(tmp_path, section(*option))
    without = section(*option)
    del part_of(without, name)[key]
    before = load(tmp_path, complete(without))
    changed = [*requests_for(compiled(with_option))] != [*requests_for(compiled(before))]
    assert changed or config_text(with_option[0]) != config_text(before[0]), (name, key)


@settings(max_examples=examples(150))
@given(function_sections())
def test_any_set_of_options_is_requested_and_read_back(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, Any]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        functions = load(folder, found)
    except InvalidFdlError:
        assume(False)
    resources = compiled(functions)
    check_requests(resources)
    check_reading(resources)
    text = config_text(functions[0])
    assert config_to_json(parse_config(text)) == text

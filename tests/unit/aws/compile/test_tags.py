"""The user's tags reach everything that costs money, and nothing changes without them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.handlers.batch.descriptions import parse_environment, parse_queue
from scar.aws.handlers.batch.job_definitions import parse_job_definition
from scar.aws.model.resources import (
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
    LaunchTemplate,
    LogGroup,
    Role,
)
from scar.aws.model.tags import changed_tags, relevant_tags
from scar.aws.requests import batch_requests
from scar.aws.requests.creation import creation_requests
from scar.aws.requests.launch_template_requests import (
    launch_template_request,
    parse_launch_template,
)
from scar.aws.requests.validator import check
from scar.fdl.model import BatchSpec, ComputeResourcesSpec
from tests.fakes.functions import changed
from tests.unit.aws.compile.test_compiler import BATCH, compiled, only

if TYPE_CHECKING:
    from typing import Any

    from scar.aws.model.function import Function

TAGS = {"project": "genomics", "Name": "Batch Instance"}
PAIRS = tuple(sorted(TAGS.items()))
LISTED = [{"Key": k, "Value": v} for k, v in PAIRS]


def tagged(kind: str = "EC2", tags: dict[str, str] | None = None, **compute: object) -> Function:
    resources = ComputeResourcesSpec.model_validate({"type": kind, **compute})
    batch = BatchSpec(memory=2048, compute_resources=resources)
    return changed(BATCH, tags=TAGS if tags is None else tags, batch=batch)


@pytest.mark.parametrize(
    ("compute", "name"),
    [
        ({}, "scar-73596381b557"),
        ({"type": "FARGATE"}, "scar-b4dd1ae56fb7"),
        ({"disk": 500}, "scar-78c32b645856"),
    ],
)
def test_functions_without_tags_keep_the_names_of_what_is_deployed(
    compute: dict[str, Any], name: str
) -> None:
    batch = BatchSpec(memory=2048, compute_resources=ComputeResourcesSpec.model_validate(compute))
    resources = compiled(changed(BATCH, batch=batch))
    assert only(resources, ComputeEnvironment).name == name
    assert not only(resources, JobDefinition).propagate_tags


def test_functions_with_equal_tags_share_an_environment_and_others_do_not() -> None:
    names = {
        only(compiled(tagged(tags=tags)), ComputeEnvironment).name
        for tags in (TAGS, dict(reversed(TAGS.items())), {"project": "x"}, {})
    }
    assert len(names) == 3


def test_instances_and_volumes_have_the_tags() -> None:
    resources = compiled(tagged())
    request = batch_requests.create_environment_request(only(resources, ComputeEnvironment))
    assert request["computeResources"]["tags"] == TAGS
    assert request["tags"] == {"scar:managed": "true", **TAGS}
    template = launch_template_request(only(resources, LaunchTemplate))
    assert template["LaunchTemplateData"]["TagSpecifications"] == [
        {"ResourceType": "volume", "Tags": LISTED},
    ]
    assert template["TagSpecifications"][0]["Tags"][1:] == LISTED


def test_fargate_tasks_have_the_tags_but_the_environment_has_no_instances() -> None:
    resources = compiled(tagged("FARGATE"))
    request = batch_requests.create_environment_request(only(resources, ComputeEnvironment))
    assert "tags" not in request["computeResources"]
    assert TAGS.items() <= request["tags"].items()
    definition = batch_requests.register_definition_request(only(resources, JobDefinition), "r")
    assert definition["propagateTags"] is True
    assert TAGS.items() <= definition["tags"].items()


def test_roles_and_log_groups_of_the_function_have_the_tags_and_shared_ones_do_not() -> None:
    found = compiled(tagged("FARGATE")) | compiled(tagged())
    roles = {r.name: r.tags for r in found.values() if isinstance(r, Role)}
    assert roles.pop("scar-instances-eu-west-1") == ()
    assert set(roles.values()) == {PAIRS}
    assert len(roles) == 3
    assert {r.tags for r in found.values() if isinstance(r, LogGroup)} == {PAIRS}


def test_what_is_read_back_is_what_was_requested() -> None:
    resources = compiled(tagged())
    environment, queue = only(resources, ComputeEnvironment), only(resources, JobQueue)
    requested: Any = batch_requests.create_environment_request(environment)
    found = parse_environment(requested)
    assert found.tags == environment.tags == PAIRS
    described: Any = batch_requests.create_queue_request(queue)
    assert parse_queue(described).tags == queue.tags == PAIRS
    definition = only(resources, JobDefinition)
    requested = batch_requests.register_definition_request(definition, "eu-west-1")
    assert parse_job_definition(requested, definition.tags) == definition
    template = only(resources, LaunchTemplate)
    request: Any = launch_template_request(template)
    assert parse_launch_template(request) == template


@pytest.mark.parametrize("where", ["tags", "computeResources"])
def test_a_tag_removed_from_the_environment_or_its_instances_is_a_difference(where: str) -> None:
    environment = only(compiled(tagged()), ComputeEnvironment)
    found: Any = batch_requests.create_environment_request(environment)
    tags = found["tags"] if where == "tags" else found["computeResources"]["tags"]
    del tags["project"]
    assert environment.differing_fields(parse_environment(found)) == ("tags",)


def test_a_changed_instance_tag_is_sent_to_the_environment() -> None:
    environment = only(compiled(tagged()), ComputeEnvironment)
    observed = replace(environment, tags=())
    assert batch_requests.environment_changes(observed, environment) == {"tags": TAGS}


def test_tags_of_other_tools_are_ignored() -> None:
    found = {"project": "genomics", "team": "it", "scar:function": "crop"}
    assert relevant_tags(found, PAIRS) == (("project", "genomics"), ("scar:function", "crop"))


@given(*(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12")) for _ in range(2)))
def test_changed_tags_lead_from_one_to_the_other(
    before: dict[str, str], after: dict[str, str]
) -> None:
    to_set, to_remove = changed_tags(tuple(before.items()), tuple(after.items()))
    assert {k: v for k, v in {**before, **to_set}.items() if k not in to_remove} == after
    assert all(before.get(key) != value for key, value in to_set.items())


@pytest.mark.parametrize("kind", ["EC2", "FARGATE"])
@pytest.mark.parametrize("tags", [{"aws:x": "1"}, {"a?": "1"}, {"a": "x" * 257}])
def test_aws_refuses_tags_on_every_kind_of_resource(kind: str, tags: dict[str, str]) -> None:
    refused = {
        operation
        for resource in compiled(tagged(kind, tags)).values()
        for service, operation, parameters in creation_requests(resource, "eu-west-1")
        if check(service, operation, parameters)
    }
    assert refused >= {
        "CreateRole", "CreateFunction", "CreateRepository",
        "CreateComputeEnvironment", "CreateJobQueue", "RegisterJobDefinition",
    }  # fmt: skip


def test_fargate_environments_take_no_tags_of_instances() -> None:
    environment = only(compiled(tagged("FARGATE")), ComputeEnvironment)
    request: Any = batch_requests.create_environment_request(environment)
    request["computeResources"]["tags"] = TAGS
    (violation,) = check("batch", "CreateComputeEnvironment", request)
    assert "tags is not applicable to FARGATE" in violation.message

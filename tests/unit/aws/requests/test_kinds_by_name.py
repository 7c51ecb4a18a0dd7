"""Kinds of resources that are named, so that their modules are imported only with one of them."""

from __future__ import annotations

import pytest

from scar.aws.compile import compiler
from scar.aws.model.resources import (
    ComputeEnvironment,
    EcrImage,
    EventSource,
    FunctionUrl,
    HttpApi,
    JobDefinition,
    JobQueue,
    LaunchTemplate,
    Resource,
    SchedulingPolicy,
    SourceQueue,
)
from scar.aws.requests import validator
from scar.aws.requests.creation import creation_requests

OF_SOME_FUNCTIONS = (
    *(ComputeEnvironment, JobQueue, SchedulingPolicy, JobDefinition),
    *(SourceQueue, EventSource, HttpApi, FunctionUrl),
)


@pytest.mark.parametrize("kind", OF_SOME_FUNCTIONS, ids=lambda kind: kind.kind)
def test_the_request_of_each_kind_is_checked(kind: type[Resource]) -> None:
    requests = list(creation_requests(kind(name="gray/x"), "eu-west-1"))
    assert requests
    assert {(service, operation) for service, operation, _ in requests} <= {*validator._RULES}


def test_resources_whose_names_depend_on_their_content_are_named_by_kind() -> None:
    kinds = (EcrImage, ComputeEnvironment, JobQueue, LaunchTemplate, SchedulingPolicy)
    assert {kind.kind for kind in kinds} == compiler._NAMED_BY_CONTENT


@pytest.mark.parametrize("name", sorted({*validator._RULES.values()}))
def test_every_rule_exists(name: str) -> None:
    assert callable(validator._import_rules(name))

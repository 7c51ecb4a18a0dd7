"""What ``batch.cluster`` compiles to, and that nothing changes without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.compile.compiler import compile_resources
from scar.aws.compile.function_config import function_config
from scar.aws.handlers.batch.job_definitions import parse_job_definition
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import JobDefinition, Role
from scar.aws.requests.batch_requests import register_definition_request
from supervisor.model import ImageDefaults
from tests.unit.cluster.cluster_fakes import batch_function

if TYPE_CHECKING:
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource

ACCOUNT = Account("123456789012", "eu-west-1")
NETWORK = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))


def compiled(function: Function) -> tuple[Resource, ...]:
    return compile_resources(
        [function], ACCOUNT, images={"grid": "sha256:1"}, networks={"grid": NETWORK}
    )


def test_the_key_changes_the_job_definitions_tags_and_the_role() -> None:
    plain, clustered = (compiled(batch_function("grid", cluster=c)) for c in (False, True))
    assert plain == compiled(batch_function("grid"))
    changed = [new for old, new in zip(plain, clustered, strict=True) if old != new]
    assert {type(resource) for resource in changed} == {JobDefinition, Role}
    (definition,) = (r for r in changed if isinstance(r, JobDefinition))
    assert dict(definition.tags)["scar:cluster"] == "true"
    (role,) = (r for r in changed if isinstance(r, Role))
    assert role.name.endswith("-job")


def test_the_tag_is_read_back() -> None:
    (wanted,) = (
        r for r in compiled(batch_function("grid", cluster=True)) if isinstance(r, JobDefinition)
    )
    revision: Any = {**register_definition_request(wanted, "eu-west-1"), "revision": 1}
    assert parse_job_definition(revision) == wanted


def test_the_supervisor_is_told_by_its_configuration() -> None:
    for cluster in (True, False):
        function = batch_function("grid", cluster=cluster)
        assert function_config(function, ACCOUNT, ImageDefaults(), NETWORK).cluster is cluster

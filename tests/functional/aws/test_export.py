"""The template has the resources that a plan would create."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy import deploy
from scar.aws.export.desired import compile_for_template
from scar.aws.export.parameters import image_parameter
from scar.aws.export.template import export_template
from scar.aws.model import names
from scar.aws.model.plan import Create
from scar.aws.model.resources import EcrImage, JobDefinition
from scar.fdl.model import BatchSpec, ComputeResourcesSpec
from tests.fakes.functions import changed
from tests.fakes.template_reader import Reader
from tests.functional.aws.support.factories import MODES, a_function

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages


def placed(mode: str, connection: AwsConnection) -> Function:
    """Return a function that names the subnets and security groups of the default VPC."""
    function = a_function(mode)
    if function.batch is None:
        return function
    ec2 = connection.client("ec2")
    subnets = sorted(s["SubnetId"] for s in ec2.describe_subnets()["Subnets"])
    (group,) = (
        g["GroupId"]
        for g in ec2.describe_security_groups()["SecurityGroups"]
        if g["GroupName"] == "default"
    )
    compute = ComputeResourcesSpec(subnets=tuple(subnets), security_group_ids=(group,))
    return changed(function, batch=BatchSpec(compute_resources=compute))


@pytest.mark.parametrize("mode", MODES)
def test_the_template_equals_the_plan(
    connection: AwsConnection, images: FakeImages, mode: str
) -> None:
    function = placed(mode, connection)
    plan = deploy.init([function], connection, lambda _: None, images=images, dry_run=True)
    planned = {c.desired.key: c.desired for c in plan.changes if isinstance(c, Create)}
    digests = {r.name: r.digest for r in planned.values() if isinstance(r, EcrImage)}
    values: dict[str, object] = {
        image_parameter(name): digests[names.repository_name(name)]
        for name in (function.name, names.FAILURE_HANDLER)
    }
    account = connection.account
    template = export_template(compile_for_template([function], account), account.region).template
    exported = {r.key: r for r in Reader(template, values).read()}
    assert exported == planned
    assert len(planned) == len(plan.changes)
    assert any(isinstance(r, JobDefinition) for r in planned.values()) == (mode != "lambda")

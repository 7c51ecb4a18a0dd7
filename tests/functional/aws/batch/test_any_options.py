"""Any set of the options of ``batch`` is deployed; a second plan is empty, and rm removes all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scar.aws.compile.from_fdl import functions_of
from scar.fdl.loader import load_document
from scar.fdl.problems import InvalidFdlError
from tests.fakes.batch_option_sets import function_sections
from tests.fakes.batch_options import write
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.factories import deploy, remaining_resources, remove
from tests.functional.aws.support.moto_account import an_account
from tests.profiles import PROFILE, examples

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function

NOTHING = "Nothing to change."


def network_of(connection: AwsConnection) -> tuple[str, str]:
    """Create a file system in the default VPC; return its access point and a subnet."""
    subnet = connection.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    efs: Any = connection.session.client("efs")
    file_system = efs.create_file_system(CreationToken="data")["FileSystemId"]
    efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet)
    point = efs.create_access_point(ClientToken="data", FileSystemId=file_system)
    return point["AccessPointArn"], subnet


def load(folder: Path, connection: AwsConnection, found: list[dict[str, Any]]) -> list[Function]:
    point, subnet = network_of(connection)
    try:
        path = write(folder, *found, efs=point, subnet=subnet)
        return [*functions_of(load_document(path))]
    except InvalidFdlError:
        assume(False)
        raise


@pytest.mark.timeout(1800)
@settings(
    max_examples=examples(12),
    derandomize=PROFILE == "usual",
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(st.lists(function_sections(), min_size=2, max_size=2))
def test_a_second_plan_is_empty(
    closed: None, tmp_path_factory: pytest.TempPathFactory, versions: list[dict[str, Any]]
) -> None:
    """The second set of options is that of the function's next version."""
    with an_account() as connection:
        images = FakeImages()
        before = remaining_resources(connection)
        first, second = (
            load(tmp_path_factory.getbasetemp(), connection, [version]) for version in versions
        )
        for functions in (first, second):
            deploy(connection, images, *functions)
            plan = str(deploy(connection, images, *functions))
            assert plan.startswith(NOTHING), plan
        remove(connection, "crop")
        assert remaining_resources(connection) == before

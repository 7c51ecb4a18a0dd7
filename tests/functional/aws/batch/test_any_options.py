"""Any options of ``batch`` are deployed to the local cloud; a second plan is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scar.aws.compile.from_fdl import functions_of
from scar.fdl.loader import load_document
from scar.fdl.problems import InvalidFdlError
from tests.fakes.options.batch_option_sets import function_sections
from tests.fakes.options.batch_options import REGION, write
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.factories import deploy, remaining_resources, remove
from tests.functional.aws.support.local_services import local_services
from tests.profiles import PROFILE, examples

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function

pytestmark = pytest.mark.long


def load(folder: Path, connection: AwsConnection, section: dict[str, Any]) -> tuple[Function, ...]:
    """Return the function, in the account of the connection; skip invalid examples."""
    subnet = connection.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    path = write(folder, section, subnet=subnet)
    path.write_text(path.read_text().replace(REGION, connection.client("batch").meta.region_name))
    try:
        return functions_of(load_document(path))
    except InvalidFdlError:
        assume(False)
        raise


# Raw fields of containers are tested with moto: the local cloud refuses most of them.
@pytest.mark.timeout(1800)
@settings(
    max_examples=examples(8),
    derandomize=PROFILE == "usual",
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(st.tuples(function_sections(raw=False), function_sections(raw=False)))
def test_versions_with_any_options_are_deployed_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, versions: tuple[dict[str, Any], ...]
) -> None:
    folder = tmp_path_factory.mktemp("cloud")
    images = FakeImages()
    with local_services(folder) as connection:
        for functions in [load(folder, connection, version) for version in versions]:
            plan = deploy(connection, images, *functions)
            if "stays until its events are processed" in str(plan):
                deploy(connection, images, *functions)
            assert deploy(connection, images, *functions).changes == ()
        remove(connection, "crop")
        assert remaining_resources(connection) == {}

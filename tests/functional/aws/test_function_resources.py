"""The resources of a deployed function, with the compute environment that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.inventory.functions import read_function_resources
from scar.aws.model.resources import LambdaFunction
from tests.functional.aws.support.factories import a_function, deploy

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages


def test_the_resources_of_a_deployed_function_are_listed(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("lambda-batch"), a_function(name="other"))
    parts = read_function_resources("crop", connection)
    assert isinstance(parts[0], LambdaFunction)
    kinds = {part.kind for part in parts}
    assert {"role", "notification", "job-definition", "job-queue", "compute-environment"} <= kinds
    assert not any(part.function == "other" for part in parts)
    assert read_function_resources("absent", connection) == ()

"""A function as it is deployed: all that is its own, and the machines that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.inventory.functions import parts_of
from scar.aws.model.resources import LambdaFunction
from tests.functional.aws.making import a_function, deploy

if TYPE_CHECKING:
    from scar.aws.client.connection import Connection
    from tests.functional.aws.conftest import FakeImages


def test_what_is_deployed_can_be_shown(connection: Connection, images: FakeImages) -> None:
    deploy(connection, images, a_function("lambda-batch"), a_function(name="other"))
    parts = parts_of("crop", connection)
    assert isinstance(parts[0], LambdaFunction)
    kinds = {part.kind for part in parts}
    assert {"role", "notification", "job-definition", "job-queue", "compute-environment"} <= kinds
    assert not any(part.function == "other" for part in parts)
    assert parts_of("absent", connection) == ()

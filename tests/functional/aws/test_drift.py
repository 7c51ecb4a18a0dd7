"""Drift: a manual change is shown by plan, with the field, and corrected by init."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy.deploy import init
from tests.functional.aws.support.factories import a_function, deploy
from tests.functional.aws.support.manual_changes import CHANGES

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages


@pytest.mark.parametrize("name", CHANGES)
def test_a_manual_change_is_shown_and_corrected(
    connection: AwsConnection, images: FakeImages, name: str
) -> None:
    change, shown = CHANGES[name]
    function = a_function("lambda-batch")
    deploy(connection, images, function)
    change(connection)
    plan = str(init([function], connection, lambda _: None, images=images, dry_run=True))
    assert shown in plan, plan
    deploy(connection, images, function)
    assert str(deploy(connection, images, function)) == "Nothing to change."

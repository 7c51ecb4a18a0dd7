"""The same deployment over HTTP, against the local cloud's own S3, Batch and Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.inventory.functions import InputFolder, list_functions
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.factories import (
    MODES,
    a_function,
    deploy,
    remaining_resources,
    remove,
)
from tests.functional.aws.support.local_services import local_services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection


@pytest.fixture
def local(tmp_path: Path) -> Iterator[AwsConnection]:
    with local_services(tmp_path) as connection:
        yield connection


def test_init_ls_and_rm_in_all_modes(local: AwsConnection) -> None:
    images = FakeImages()
    functions = [a_function(mode, name=f"f-{mode}") for mode in MODES]
    first = str(deploy(local, images, *functions))
    assert first.count("+ function f-") == 3
    assert str(deploy(local, images, *functions)) == "Nothing to change."

    listed = list_functions(local)
    assert [f.mode for f in listed] == ["batch", "lambda", "lambda-batch"]
    assert listed[0].inputs == (InputFolder("photos/f-batch-in"),)

    removed = remove(local, *(f.name for f in listed))
    assert removed.count("- function f-") == 3
    assert remaining_resources(local) == {}
    assert list_functions(local) == ()

"""Fixtures: one local cloud for all tests of a class, on the engine that the class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import a_local_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

pytest.register_assert_rewrite("tests.fakes.script_fault_tests", "tests.fakes.sandbox_crash_tests")


@pytest.fixture(scope="class")
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloudProcess]:
    from tests.fakes.script_fault_tests import FUNCTIONS

    yield from a_local_cloud(request.cls.engine, *FUNCTIONS)


@pytest.fixture(scope="class")
def crash_cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloudProcess]:
    from tests.fakes.sandbox_crash_tests import CRASHING_FUNCTIONS

    yield from a_local_cloud(request.cls.engine, *CRASHING_FUNCTIONS)

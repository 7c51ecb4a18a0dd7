"""Deaths in Lambda that end in Batch, in real containers."""

from __future__ import annotations

import pytest

from tests.fakes.sandbox_crash_tests import HardDeathsWithLimits

pytestmark = pytest.mark.container


class TestDeathsInDocker(HardDeathsWithLimits):
    engine = "docker"


class TestDeathsInSandboxes(HardDeathsWithLimits):
    engine = "sandbox"

"""Deaths in Lambda that end in Batch, in real containers."""

from __future__ import annotations

import pytest

from tests.fakes.sandbox_crash_tests import SandboxCrashesWithLimits

pytestmark = pytest.mark.container


class TestDeathsInDocker(SandboxCrashesWithLimits):
    engine = "docker"


class TestDeathsInSandboxes(SandboxCrashesWithLimits):
    engine = "sandbox"

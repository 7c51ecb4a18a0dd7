"""Crashes in Lambda whose runs end in Batch, in real containers."""

from __future__ import annotations

import pytest

from tests.fakes.sandbox_crash_tests import SandboxCrashesWithLimits

pytestmark = pytest.mark.container


class TestCrashesInDocker(SandboxCrashesWithLimits):
    engine = "docker"


class TestCrashesInSandboxes(SandboxCrashesWithLimits):
    engine = "sandbox"

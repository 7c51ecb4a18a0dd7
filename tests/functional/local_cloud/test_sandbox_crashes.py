"""Crashes in Lambda whose runs end in Batch, with scripts as processes of this machine."""

from __future__ import annotations

from tests.fakes.sandbox_crash_tests import SandboxCrashes


class TestCrashesOnTheHost(SandboxCrashes):
    engine = "process"

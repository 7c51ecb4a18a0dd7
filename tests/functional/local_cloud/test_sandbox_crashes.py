"""Deaths in Lambda that end in Batch, with scripts on this machine itself."""

from __future__ import annotations

from tests.fakes.sandbox_crash_tests import SandboxCrashes


class TestDeathsOnTheHost(SandboxCrashes):
    engine = "process"

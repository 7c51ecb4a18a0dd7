"""Everything that can go wrong around a script, with scripts in real containers."""

from __future__ import annotations

import pytest

from tests.fakes.script_fault_tests import FaultyJobs, FaultyScripts

pytestmark = pytest.mark.container


class TestInDocker(FaultyScripts, FaultyJobs):
    engine = "docker"


class TestInSandboxes(FaultyScripts, FaultyJobs):
    engine = "sandbox"

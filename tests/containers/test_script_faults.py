"""Faults of scripts and events, with scripts in real containers."""

from __future__ import annotations

import pytest

from tests.fakes.script_fault_tests import JobFaults, ScriptFaults

pytestmark = pytest.mark.container


class TestInDocker(ScriptFaults, JobFaults):
    engine = "docker"


class TestInSandboxes(ScriptFaults, JobFaults):
    engine = "sandbox"

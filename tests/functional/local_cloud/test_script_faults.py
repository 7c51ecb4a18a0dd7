"""Faults of scripts and events, with scripts as processes of this machine."""

from __future__ import annotations

from tests.fakes.script_fault_tests import JobFaults, ScriptFaults


class TestOnTheHost(ScriptFaults, JobFaults):
    engine = "process"

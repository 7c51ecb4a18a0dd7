"""Everything that can go wrong around a script, with scripts on this machine itself."""

from __future__ import annotations

from tests.fakes.script_fault_tests import JobFaults, ScriptFaults


class TestOnTheHost(ScriptFaults, JobFaults):
    engine = "process"

"""``pytest --cost``: CPU seconds and memory per file and per test, also under xdist.

CPU seconds are of the worker and of the processes that it started and waited for. The set-up
of a shared fixture counts for the first test that uses it, its teardown for the last one.
"""

from __future__ import annotations

import os
import resource
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

PROPERTY = "cost"
SHOWN = 10


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


class CostMeter:
    """Measures in the process that runs the tests; adds the cost to each test's last report."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self.resident = _resident_mib()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.start = self.cpu = _cpu_seconds()
        self.resident = _resident_mib()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown":
            cpu, resident = _cpu_seconds(), _resident_mib()
            cost = {
                "cpu": cpu - self.cpu,
                "grown": resident - self.resident,
                "start": self.start,
                "peak": _peak_mib(),
                "worker": os.environ.get("PYTEST_XDIST_WORKER", "main"),
            }
            self.cpu, self.resident = cpu, resident
            report.user_properties.append((PROPERTY, cost))
        return report


class CostReport:
    """Sums up the costs in the process that prints the results."""

    def __init__(self) -> None:
        self.tests: dict[str, Mapping[str, float]] = {}
        self.workers: dict[str, Mapping[str, float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, cost in report.user_properties:
            if name == PROPERTY and report.when == "teardown":
                assert isinstance(cost, dict)
                self.tests[report.nodeid] = cost
                self.workers[str(cost["worker"])] = cost

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        files: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for test, cost in self.tests.items():
            for name in (test.partition("::")[0], "all tests"):
                files[name][0] += cost["cpu"]
                files[name][1] += cost["grown"]
        terminalreporter.section("cost")
        for worker, cost in sorted(self.workers.items()):
            write(f"{worker}: {cost['start']:.1f} s CPU to collect, peak {cost['peak']:.0f} MiB")
        write("CPU s  +MiB  file")
        for name, (cpu, grown) in sorted(files.items(), key=lambda item: -item[1][0])[:SHOWN]:
            write(f"{cpu:5.1f} {grown:5.0f}  {name}")
        write("CPU s  +MiB  test")
        for test, cost in sorted(self.tests.items(), key=lambda item: -item[1]["cpu"])[:SHOWN]:
            write(f"{cost['cpu']:5.1f} {cost['grown']:5.0f}  {test}")
        write("+MiB   test")
        for test, cost in sorted(self.tests.items(), key=lambda item: -item[1]["grown"])[:5]:
            write(f"{cost['grown']:5.0f}  {test}")

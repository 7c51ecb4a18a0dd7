"""For all tests: how much is tried, what is shared, and what is shown at the end.

Container tests are counted, and never skipped where they are required.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests import memory, profiles
from tests.cost import Bill, Meter

if TYPE_CHECKING:
    from collections.abc import Generator

memory.give_back()
profiles.register()
# moto makes 1,300 machine images with every account of EC2: 0.2 s and some MiB for what no test
# asks for.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

REQUIRED = os.environ.get("SCAR_CONTAINER_TESTS") == "required"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cost", action="store_true", help="show CPU and memory per test")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("cost"):
        config.pluginmanager.register(Meter(), "meter")
        config.pluginmanager.register(Bill(), "bill")


def pytest_collection_finish() -> None:
    if "botocore" in sys.modules:  # where no test needs the SDK, it is not imported either
        from tests.fakes import service_tables

        service_tables.share()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRED and report.skipped and item.get_closest_marker("container"):
        report.outcome = "failed"
        report.longrepr = f"A container test must not skip here: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = {
        outcome: sum(
            "container" in report.keywords
            for report in terminalreporter.stats.get(outcome, ())
            if isinstance(report, pytest.TestReport)
        )
        for outcome in ("passed", "failed", "error", "skipped")
    }
    shown = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    terminalreporter.write_line(f"container tests: {shown}")

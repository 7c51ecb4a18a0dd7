"""Hooks for all tests: Hypothesis profiles, order, shared service models, the terminal summary.

Container tests are counted, and fail instead of being skipped where they are required.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests import memory, profiles
from tests.container_skips import NOT_FOR_ENGINE
from tests.cost import CostMeter, CostReport

if TYPE_CHECKING:
    from collections.abc import Generator

memory.limit_heaps()
profiles.register()
# moto creates 1,300 AMIs with every EC2 account, 0.2 s and some MiB; no test needs them.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

REQUIRED = os.environ.get("SCAR_CONTAINER_TESTS") == "required"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cost", action="store_true", help="show CPU and memory per test")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("cost"):
        config.pluginmanager.register(CostMeter(), "cost meter")
        config.pluginmanager.register(CostReport(), "cost report")


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first: one at the end would be run by one worker while the others wait."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    if "botocore" in sys.modules:  # without a test that needs the SDK it is not imported
        from tests.fakes import service_tables

        service_tables.share()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    is_required = REQUIRED and NOT_FOR_ENGINE not in str(report.longrepr)
    if is_required and report.skipped and item.get_closest_marker("container"):
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

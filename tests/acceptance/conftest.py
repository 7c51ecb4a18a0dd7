"""Fixtures and hooks of the acceptance steps: the run, deployments, the record of results.

The steps of a run by ``tests.acceptance.kit.runner`` share its folder; a plain ``pytest`` uses a
local cloud of its own, and cleans up at the end of the session.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.kit.cleanup import clean_up
from tests.acceptance.kit.deployment import Deployment, describe_function
from tests.acceptance.kit.run import AcceptanceRun
from tests.acceptance.kit.settings import PREFIX, from_environment
from tests.acceptance.kit.steps import LOCAL_SECONDS, STEPS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

RUN = pytest.StashKey[AcceptanceRun]()
NOT_SHOWN = "not shown here"

Deploy = Callable[..., Deployment]


def _run_of(config: pytest.Config) -> AcceptanceRun:
    if RUN not in config.stash:
        folder = Path(tempfile.mkdtemp(prefix="scar-acceptance-", dir="/tmp"))
        settings = from_environment(os.environ, folder)
        if settings.folder != folder:
            folder.rmdir()
        config.stash[RUN] = AcceptanceRun.start(settings)
    return config.stash[RUN]


def _step_of(item: pytest.Item) -> int:
    marker = item.get_closest_marker("step")
    return marker.args[0] if marker else -1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each step its time limit; clean-up has limits of its own."""
    on_aws = os.environ.get(f"{PREFIX}TARGET") == "aws"
    for item in items:
        number = _step_of(item)
        if number in STEPS:
            seconds = STEPS[number].seconds if on_aws else LOCAL_SECONDS
            item.add_marker(pytest.mark.timeout(seconds, func_only=True))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Delete the folder of a run that no runner owns, after the last entry of its journal."""
    if RUN in config.stash and f"{PREFIX}FOLDER" not in os.environ:
        shutil.rmtree(config.stash[RUN].settings.folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" or report.outcome != "passed":
        _record(item, report)
    return report


def _record(item: pytest.Item, report: pytest.TestReport) -> None:
    text = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext
    reason = text.removeprefix("Skipped: ")
    outcome: str = report.outcome
    if report.skipped and reason.startswith(NOT_SHOWN):
        outcome, reason = NOT_SHOWN, reason.removeprefix(f"{NOT_SHOWN}: ")
    elif report.failed:
        reason = "\n".join(text.splitlines()[-12:])
    _run_of(item.config).journal.append(
        "step",
        step=_step_of(item),
        test=item.name,
        when=report.when,
        outcome=outcome,
        seconds=round(report.duration, 2),
        reason=reason,
    )


@pytest.fixture(scope="session")
def session_run(request: pytest.FixtureRequest) -> Iterator[AcceptanceRun]:
    run = _run_of(request.config)
    yield run
    if f"{PREFIX}FOLDER" in os.environ:
        return  # the runner cleans up
    said: list[str] = []
    try:
        if run.journal.entries("deployed", "bucket", "user"):
            left = clean_up(run, said.append)
            assert (said, left.left) == ([], ())
    finally:
        run.target.close()


@pytest.fixture(autouse=True)
def run(request: pytest.FixtureRequest, session_run: AcceptanceRun) -> AcceptanceRun:
    """Return the run, for one step; skip what its target cannot show."""
    session_run.step = _step_of(request.node)
    marker = request.node.get_closest_marker("not_shown_here")
    if marker and not session_run.is_shown(request.node.name, reason=marker.args[0]):
        pytest.skip(f"{NOT_SHOWN}: {marker.args[0]}")
    return session_run


@pytest.fixture
def deploy(run: AcceptanceRun, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Return a function that writes an FDL file of functions, with a user for it.

    What a test has not removed is removed after it; a failure to do so is the test's.
    """
    written: list[Deployment] = []

    def write(name: str, *functions: dict[str, Any]) -> Deployment:
        deployment = Deployment.write(run, name, *functions)
        written.append(deployment)
        return deployment

    yield write
    remaining = {entry["name"] for entry in run.journal.remaining("deployed", "removed")}
    for deployment in reversed(written):
        if str(deployment.file) in remaining:
            deployment.remove()


@pytest.fixture
def function(run: AcceptanceRun) -> Callable[..., dict[str, Any]]:
    """Return a function that describes one function of an FDL file."""

    def describe(name: str, bucket: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - as in FDL
        return describe_function(run, name, bucket, **keys)

    return describe

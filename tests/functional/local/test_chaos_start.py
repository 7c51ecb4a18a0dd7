"""Starting a local cloud with conditions: seeds, conflicts, restarts, AWS's request rates."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from scar.errors import UsageError
from scar.local.control import RANDOM_SEED, LocalCloudControl
from scar.local.home import LocalCloudHome
from tests.fakes.local_cloud import environment
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.local.control import LocalCloudEndpoint

NO_RETRIES = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def control(tmp_path: Path) -> Iterator[LocalCloudControl]:
    home = LocalCloudHome(tmp_path / "home")
    control = LocalCloudControl(home, environment(tmp_path) | {"SCAR_LOCAL_ENGINE": "process"})
    yield control
    control.stop()


def start(
    control: LocalCloudControl, chaos: str = "", *, limits: bool = True
) -> LocalCloudEndpoint:
    """Start the server from a process of its own, so that it is not a child of this one."""
    code = (
        "import os; from pathlib import Path; from scar.local.control import LocalCloudControl;"
        " from scar.local.home import LocalCloudHome; LocalCloudControl(LocalCloudHome("
        f"Path({str(control.home.path)!r})), os.environ, {limits}).ensure_started('', {chaos!r})"
    )
    subprocess.run([sys.executable, "-c", code], env=dict(control.environment), check=True)
    found = control.find()
    assert found is not None
    return found


def refused_calls(cloud: LocalCloudEndpoint, count: int) -> list[str]:
    """Call Lambda's control plane in a burst without retries; return the errors' codes."""
    session = boto3.Session(cloud.access_key, cloud.secret_key, region_name=cloud.region)
    client = session.client("lambda", endpoint_url=cloud.endpoint_url, config=NO_RETRIES)
    codes = []
    for _ in range(count):
        try:
            client.get_function_configuration(FunctionName="absent")
        except client.exceptions.ClientError as error:
            codes.append(error.response["Error"]["Code"])
    return codes


def test_request_rates_are_enforced_without_chaos(control: LocalCloudControl) -> None:
    codes = refused_calls(start(control), 120)
    assert codes[:15] == ["ResourceNotFoundException"] * 15
    assert "TooManyRequestsException" in codes
    status: Any = control.status()
    assert status["chaos"] == ""
    assert status["conditions"]["refused_above_the_rate"]["lambda GetFunctionConfiguration"] > 0
    assert status["conditions"]["occurred"] == {}


def test_a_test_may_switch_the_limits_off(control: LocalCloudControl) -> None:
    codes = refused_calls(start(control, limits=False), 120)
    assert set(codes) == {"ResourceNotFoundException"}


def test_a_seed_is_kept_until_the_cloud_is_stopped(control: LocalCloudControl) -> None:
    assert start(control, "42").chaos == "42"
    assert control.ensure_started().chaos == "42"
    assert control.ensure_started("", RANDOM_SEED).chaos == "42"
    status: Any = control.status()
    assert status["chaos"] == "42"
    assert "chaos with the seed 42" in status["conditions"]["on"]
    with pytest.raises(UsageError, match="already running with --chaos=42") as raised:
        control.ensure_started("", "43")
    assert "scar local stop" in raised.value.remedy
    assert "--chaos=43" in raised.value.remedy
    running = control.home.running_server()
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: control.home.running_server() is None)
    assert start(control).chaos == "42"  # a crash does not end the chaos
    control.stop()
    assert start(control).chaos == ""


def test_a_calm_cloud_is_not_changed_while_it_runs(control: LocalCloudControl) -> None:
    start(control)
    for seed in (RANDOM_SEED, "1"):
        with pytest.raises(UsageError, match="already running without --chaos"):
            control.ensure_started("", seed)


def test_a_random_seed_is_a_number_that_can_be_typed(control: LocalCloudControl) -> None:
    seed = start(control, RANDOM_SEED).chaos
    assert seed.isdigit()


def test_an_invalid_seed_starts_nothing(control: LocalCloudControl) -> None:
    with pytest.raises(UsageError, match="not a valid seed"):
        control.ensure_started("", "a b")
    assert control.find() is None


def test_stop_ends_the_chaos_of_a_killed_server_too(control: LocalCloudControl) -> None:
    start(control, "7")
    running = control.home.running_server()
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: control.home.running_server() is None)
    assert not control.stop()
    assert start(control).chaos == ""

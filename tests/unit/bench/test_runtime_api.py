"""The benchmarks' Runtime API gives a supervisor its events, and reports what fails."""

from __future__ import annotations

import sys

import pytest

from bench.kit.commands import plain_environment
from bench.kit.runtime_api import RunFailedError, run_supervisor

PROGRAM = """
import os, sys, urllib.request
root = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{root}/next") as response:
        request, event = response.headers["Lambda-Runtime-Aws-Request-Id"], response.read()
    kind = event.decode().strip('"')
    print("handled", kind, flush=True)
    urllib.request.urlopen(f"{root}/{request}/{kind}", data=b"the reason")
"""


def test_events_are_handled_one_after_the_other() -> None:
    with run_supervisor([sys.executable, "-c", PROGRAM], plain_environment()) as supervisor:
        assert supervisor.run("response") > 0
        assert supervisor.run("response") > 0


def test_an_error_of_the_supervisor_has_its_reason_and_its_log() -> None:
    with (
        run_supervisor([sys.executable, "-c", PROGRAM], plain_environment()) as supervisor,
        pytest.raises(RunFailedError, match=r"the reason(?s:.*)handled error"),
    ):
        supervisor.run("error")

"""``scar ls``: functions as a table and as JSON."""

from __future__ import annotations

import json

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary


def test_where_it_talks_to_is_the_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(["ls"], FakeServices({}, summaries=[function_summary()]))
    shown = capsys.readouterr()
    assert shown.err == "Nowhere, eu-west-1\n"
    assert shown.out.splitlines() == [
        "NAME  MODE    IMAGE      MEMORY  TIMEOUT  INPUT",
        "gray  lambda  debian:12  512 MB     60 s  photos/in",
    ]


@pytest.mark.parametrize("flag", [["-j"], ["--output", "json"], ["--json"]])
def test_functions_as_json(flag: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run(["ls", *flag], FakeServices({}, summaries=[function_summary()]))
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"] == "gray"
    assert found["inputs"] == [{"path": "photos/in", "suffix": ""}]


def test_a_function_whose_jobs_cannot_start_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    reason = "compute environment scar-x is INVALID: CLIENT_ERROR - no role"
    services = FakeServices(
        {}, summaries=[function_summary(queue="scar-x")], unusable={"scar-x": reason}
    )
    run(["ls"], services)
    assert f"gray: {reason}. `scar init` repairs" in capsys.readouterr().err

"""``scar ls``: functions as a table and as JSON."""

from __future__ import annotations

import json

import pytest

from scar.aws.model.other_inputs import OtherInput
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


def test_the_address_of_an_endpoint_is_a_column_and_a_field(
    capsys: pytest.CaptureFixture[str],
) -> None:
    summaries = [
        function_summary(api_type="http", api_authentication="IAM"),
        function_summary("sepia"),
    ]
    run(["ls"], FakeServices({}, summaries=summaries))
    head, gray, sepia = capsys.readouterr().out.splitlines()
    assert head.endswith("API_URL")
    assert gray.endswith("https://gray.test/")
    assert sepia.endswith("photos/in")
    run(["ls", "-j"], FakeServices({}, summaries=summaries))
    first, second = json.loads(capsys.readouterr().out)
    assert (first["api_url"], first["api_authentication"]) == ("https://gray.test/", "IAM")
    assert second["api_url"] == ""


def test_inputs_on_other_stores_are_shown_with_the_store(
    capsys: pytest.CaptureFixture[str],
) -> None:
    others = (OtherInput("minio.lab", "photos/in"), OtherInput("minio.lab", "b", ".csv"))
    summaries = [function_summary(other_inputs=others)]
    run(["ls"], FakeServices({}, summaries=summaries))
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("photos/in, minio.lab:photos/in, minio.lab:b/*.csv")
    run(["ls", "-j"], FakeServices({}, summaries=summaries))
    (found,) = json.loads(capsys.readouterr().out)
    assert found["inputs"] == [{"path": "photos/in", "suffix": ""}]
    assert found["other_inputs"] == [
        {"provider": "minio.lab", "path": "photos/in", "suffix": ""},
        {"provider": "minio.lab", "path": "b", "suffix": ".csv"},
    ]

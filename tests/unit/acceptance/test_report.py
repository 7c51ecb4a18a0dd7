"""The report has the format of its schema, whatever happened in the run."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import boto3
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance.kit.journal import Journal
from tests.acceptance.kit.recorder import CallRecorder
from tests.acceptance.kit.report import SCHEMA, build_report, write_report
from tests.acceptance.kit.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

STARTED = dt.datetime(2026, 11, 29, 12, 0, tzinfo=dt.UTC)


def report_of(journal: Journal) -> dict[str, Any]:
    settings = Settings(folder=journal.path.parent, run="0123abcd")
    report = build_report(journal, settings, region="eu-west-1", started=STARTED, complete=True)
    document: dict[str, Any] = json.loads(json.dumps(report))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    return document


def test_an_empty_run_has_a_valid_report(tmp_path: Path) -> None:
    assert report_of(Journal(tmp_path / "journal"))["steps"] == []


def test_everything_that_a_run_records_is_in_its_report(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    call = {"caller": "scar", "service": "s3", "operation": "HeadBucket"}
    for code, seconds in (("404", 0.1), ("404", 0.3), ("", 0.2)):
        journal.append("call", **call, code=code, seconds=seconds)
    journal.append("call", **{**call, "caller": "kit"}, code="", seconds=9.0)
    step = {"step": 3, "test": "test_x", "when": "call", "seconds": 1.5}
    journal.append("step", **step, outcome="failed", reason="arn:aws:s3:::scar-123456789012-x")
    journal.append("not shown here", step=4, what="EFS", reason="none")
    journal.append("timing", step=1, name="init", seconds=3.2)
    changes = [{"action": "update", "kind": "role", "fields": ["policy"]}]
    journal.append("drift", step=1, minutes=30, changes=changes)
    journal.append("observation", step=7, name="record", value={"a": ["b"]})
    journal.append("cloudtrail", service="iam", operation="GetRole", code="AccessDenied", count=2)
    journal.append("left", resource="role", name="acc-123456789012")
    journal.append("left", resource="role", name="acc-123456789012")
    journal.append("kept", resource="state bucket", name="scar-123456789012-x")
    journal.append("unlisted", resource="stack", code="NotImplemented")
    journal.append("interruption", text="SIGINT number 1")
    report = report_of(journal)
    assert report["errors"] == [{**call, "code": "404", "count": 2}]
    assert report["calls"] == [
        {
            "service": "s3",
            "operation": "HeadBucket",
            "count": 3,
            "median_seconds": 0.2,
            "longest_seconds": 0.3,
        }
    ]
    assert report["left"] == [{"resource": "role", "name": "acc-<account>"}]
    assert report["drift"][0]["changes"] == changes
    for part in ("steps", "not_shown", "timings", "observations", "cloudtrail", "unlisted"):
        assert len(report[part]) == 1, part
    assert report["interruptions"] == ["SIGINT number 1"]
    assert "123456789012" not in json.dumps(report)


@given(st.text(), st.from_regex("[0-9]{12}", fullmatch=True))
def test_no_text_of_a_failure_makes_a_report_invalid(
    tmp_path_factory: pytest.TempPathFactory, text: str, account: str
) -> None:
    journal = Journal(tmp_path_factory.mktemp("run") / "journal")
    journal.append("step", step=1, test="t", when="call", outcome="failed", seconds=0, reason=text)
    journal.append("observation", step=1, name=text, value={text: f"{text} {account}"})
    assert f" {account}" not in json.dumps(report_of(journal))


def test_an_unknown_field_is_not_valid(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append("timing", step=1, name="init", seconds=1, account="x")
    with pytest.raises(jsonschema.ValidationError):
        report_of(journal)


def test_a_written_report_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.json"
    write_report({"a": "ü"}, path)
    write_report({"b": 1}, path)
    assert json.loads(path.read_text()) == {"b": 1}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"parsed_response": {"Error": {"Code": "NoSuchKey"}}}, "NoSuchKey"),
        ({"parsed_response": {"ResponseMetadata": {"HTTPStatusCode": 503}}}, "503"),
        ({"parsed_response": {"ResponseMetadata": {"HTTPStatusCode": 200}}}, ""),
        ({"parsed_response": None, "exception": TimeoutError()}, "TimeoutError"),
    ],
)
def test_a_call_is_recorded_with_its_error_code_only(
    tmp_path: Path, facts: dict[str, Any], code: str
) -> None:
    journal = Journal(tmp_path / "journal")
    session = boto3.Session("a", "b", region_name="eu-west-1")
    CallRecorder(journal, "scar").attach(session)
    session.events.emit("before-send.s3.GetObject", request=None)
    session.events.emit(
        "response-received.s3.GetObject", **{"exception": None, **facts}, context={}
    )
    (entry,) = journal.entries("call")
    assert entry.pop("seconds") >= 0
    assert entry == {
        "kind": "call",
        "caller": "scar",
        "service": "s3",
        "operation": "GetObject",
        "code": code,
    }

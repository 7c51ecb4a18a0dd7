"""The report of an acceptance run: built from its journal, free of ids, to be published.

``report.schema.json`` is its format.
"""

from __future__ import annotations

import json
import platform
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import boto3
import botocore

import scar
from tests.acceptance.kit.redaction import private_words, redact

if TYPE_CHECKING:
    import datetime as dt

    from tests.acceptance.kit.journal import Journal
    from tests.acceptance.kit.settings import Settings

FORMAT = 1
SCHEMA = Path(__file__).with_name("report.schema.json")


def build_report(
    journal: Journal, settings: Settings, *, region: str, started: dt.datetime, complete: bool
) -> dict[str, Any]:
    """Return the report; ``complete`` tells whether all steps were run to their end."""
    report = {
        "format": FORMAT,
        "target": settings.target,
        "region": region,
        "started": started.isoformat(timespec="minutes"),
        "complete": complete,
        "parameters": {
            "drift_minutes": settings.drift_minutes,
            "files": settings.files,
            "big_mb": settings.big_mb,
            "log_mb": settings.log_mb,
            "repeats": settings.repeats,
        },
        "versions": _versions(),
        "steps": _entries(journal, "step"),
        "not_shown": _entries(journal, "not shown here"),
        "errors": _errors(journal),
        "calls": _calls(journal),
        "timings": _entries(journal, "timing"),
        "drift": _entries(journal, "drift"),
        "observations": _entries(journal, "observation"),
        "cloudtrail": _entries(journal, "cloudtrail"),
        "left": _resources(journal, "left"),
        "kept": _resources(journal, "kept"),
        "unlisted": _entries(journal, "unlisted"),
        "interruptions": [entry["text"] for entry in journal.entries("interruption")],
    }
    redacted = redact(report, {*private_words(), str(settings.folder)})
    assert isinstance(redacted, dict)
    return redacted


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    temporary.replace(path)


def _versions() -> dict[str, str]:
    return {
        "scar": scar.__version__,
        "boto3": boto3.__version__,
        "botocore": botocore.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _entries(journal: Journal, kind: str) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in entry.items() if key != "kind"}
        for entry in journal.entries(kind)
    ]


def _resources(journal: Journal, kind: str) -> list[dict[str, str]]:
    """Return the resources of the last clean-up; an earlier one may have been interrupted."""
    found = {(entry["resource"], entry["name"]) for entry in journal.entries(kind)}
    return [{"resource": resource, "name": name} for resource, name in sorted(found)]


def _errors(journal: Journal) -> list[dict[str, Any]]:
    counts = Counter(
        (call["caller"], call["service"], call["operation"], call["code"])
        for call in journal.entries("call")
        if call["code"]
    )
    return [
        {"caller": caller, "service": service, "operation": operation, "code": code, "count": n}
        for (caller, service, operation, code), n in sorted(counts.items())
    ]


def _calls(journal: Journal) -> list[dict[str, Any]]:
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for call in journal.entries("call"):
        if call["caller"] == "scar":
            seconds[call["service"], call["operation"]].append(call["seconds"])
    return [
        {
            "service": service,
            "operation": operation,
            "count": len(values),
            "median_seconds": round(median(values), 4),
            "longest_seconds": max(values),
        }
        for (service, operation), values in sorted(seconds.items())
    ]

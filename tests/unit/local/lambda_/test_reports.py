from __future__ import annotations

import json

import pytest

from scar.local.engines.port import SandboxExit
from scar.local.lambda_ import reports
from scar.local.lambda_.reports import InvocationUsage


def test_the_report_bills_duration_and_initialisation_in_whole_milliseconds() -> None:
    usage = InvocationUsage(duration=0.0123, memory_mb=128, peak_mb=40, init_duration=0.1)
    assert reports.report_line("r", usage, None) == (
        "REPORT RequestId: r\tDuration: 12.30 ms\tBilled Duration: 113 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 40 MB\tInit Duration: 100.00 ms\t\n"
    )


def test_the_report_never_shows_more_memory_than_there_is() -> None:
    usage = InvocationUsage(duration=1, memory_mb=128, peak_mb=300)
    failure = reports.exit_failure("r", SandboxExit(status=137, out_of_memory=True))
    assert reports.report_line("r", usage, failure).endswith(
        "Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\t\n"
    )


@pytest.mark.parametrize(
    ("status", "described"),
    [
        (0, "Runtime exited without providing a reason"),
        (3, "Runtime exited with error: exit status 3"),
        (128, "Runtime exited with error: exit status 128"),
        (137, "Runtime exited with error: signal: killed"),
        (139, "Runtime exited with error: signal: segmentation fault"),
        (163, "Runtime exited with error: signal: 35"),
    ],
)
def test_an_exit_is_described_in_lambdas_words(status: int, described: str) -> None:
    failure = reports.exit_failure("r", SandboxExit(status=status))
    assert json.loads(failure.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: r Error: {described}",
    }
    assert failure.log_lines == (f"RequestId: r Error: {described}\nRuntime.ExitError\n",)


def test_a_time_out_names_the_limit_and_the_moment() -> None:
    failure = reports.timeout_failure("r", 3, 1_800_000_000.25)
    assert failure.log_lines == (
        "2027-01-15T08:00:00.250Z r Task timed out after 3.00 seconds\n\n",
    )
    assert failure.status == "timeout"


@pytest.mark.parametrize(
    ("payload", "named", "kind"),
    [
        (b'{"errorType":"Oops"}', "Header", "Oops"),
        (b"not json", "Header", "Header"),
        (b"[1]", "", "Runtime.Unknown"),
        (b"", "", "Runtime.Unknown"),
    ],
)
def test_an_error_of_the_runtime_keeps_its_payload(payload: bytes, named: str, kind: str) -> None:
    failure = reports.parse_failure(payload, named)
    assert (failure.error_type, failure.payload) == (kind, payload)

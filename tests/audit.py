"""``python -m tests.audit``: fail if an installed package has a known vulnerability.

pip-audit asks the database of PyPI. Where that cannot be reached this says so and does not fail:
a machine without internet has no vulnerability for that reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

TIMEOUT = 180  # seconds


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The exit status, and what to print."""

    status: int
    message: str


def main() -> int:
    """Run pip-audit in this environment, print its result and return the exit status."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        result = _unreachable(f"no answer in {TIMEOUT} seconds")
    else:
        result = audit_result(done.returncode, done.stdout, done.stderr)
    sys.stdout.write(f"{result.message}\n")
    return result.status


def audit_result(status: int, output: str, errors: str) -> AuditResult:
    """Return the result of pip-audit's exit status and output (its format ``json``)."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or [f"exit status {status}"])[-1]
        if "Connection" in errors or "Timeout" in errors or "service" in errors.lower():
            return _unreachable(last)
        return AuditResult(1, f"pip-audit has failed: {last}")
    vulnerable = [
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        f" (fixed in {', '.join(vulnerability['fix_versions']) or 'no release'})"
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    if vulnerable:
        return AuditResult(1, "\n".join(vulnerable))
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        reasons = {str(package["skip_reason"]) for package in packages}
        return _unreachable(min(reasons, default="no package was audited"))
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    tail = f"; not known there: {', '.join(skipped)}" if skipped else ""
    return AuditResult(0, f"{len(audited)} packages without known vulnerabilities{tail}.")


def _unreachable(reason: str) -> AuditResult:
    return AuditResult(0, f"NOT AUDITED: the vulnerability database is unreachable ({reason}).")


if __name__ == "__main__":
    sys.exit(main())

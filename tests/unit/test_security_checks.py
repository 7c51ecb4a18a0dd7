"""The checks for insecure code, secrets and vulnerable packages do what they promise."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import structure
from tests.audit import audit_result

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = structure.ROOT
PROJECT: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMPORTS_ALONE = {"B404", "B405", "B406"}
ARGUMENT_LISTS = {"B603"}


def test_what_bandit_skips_is_checked_by_ruff() -> None:
    lint = PROJECT["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    program = [rules for path, rules in lint["per-file-ignores"].items() if "test" not in path]
    ignored = {*lint["ignore"], *(rule for rules in program for rule in rules)}
    skipped = set(PROJECT["tool"]["bandit"]["skips"]) - IMPORTS_ALONE - ARGUMENT_LISTS
    assert {f"S{test[1:]}" for test in skipped} & ignored == set()


def secrets_command() -> list[str]:
    """Return the command of the Makefile, without the files."""
    done = subprocess.run(
        ["make", "--dry-run", "--silent", "check", f"VENV={Path(sys.prefix)}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"xargs -0 (.*)", done.stdout)
    assert found
    return found[1].split()


# In pieces: this file is scanned, too.
SECRETS = {
    "AWS key id": 'key = "AKIA' + 'QWERTYUIOPASDFGH"',
    "private key": "-----BEGIN RSA PRIVATE " + "KEY-----",
    "GitHub token": "token: ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "URL with password": "https://user:" + "hunter2hunter2@host.invalid/",
}
HARMLESS = {
    "digest": f"sha256:{'0123456789abcdef' * 4}",
    "local cloud": 'KEY = "AKIALOCAL00000000001"',
    "variable": 'password = os.environ["PASSWORD"]',
}


@pytest.mark.parametrize("name", [*SECRETS, *HARMLESS])
def test_committed_secrets_are_found(name: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text({**SECRETS, **HARMLESS}[name] + "\n")
    done = subprocess.run([*secrets_command(), str(path)], capture_output=True, check=False)
    assert done.returncode == (1 if name in SECRETS else 0), done.stdout


def package(name: str, *vulnerabilities: str) -> dict[str, object]:
    vulns = [{"id": v, "fix_versions": ["2.0"]} for v in vulnerabilities]
    return {"name": name, "version": "1.0", "vulns": vulns}


def skipped_package(name: str) -> dict[str, object]:
    return {"name": name, "skip_reason": "Dependency not found on PyPI"}


def audit(*packages: dict[str, object], status: int = 0) -> tuple[int, str]:
    result = audit_result(status, json.dumps({"dependencies": packages}), "")
    return result.status, result.message


def test_a_vulnerable_package_fails_the_audit() -> None:
    status, message = audit(package("a"), package("b", "PYSEC-1"), skipped_package("c"), status=1)
    assert (status, message) == (1, "b 1.0: PYSEC-1 (fixed in 2.0)")


def test_an_audit_without_findings_names_what_it_could_not_audit() -> None:
    status, message = audit(package("a"), package("b"), skipped_package("c"))
    assert status == 0
    assert "2 packages" in message
    assert "not known there: c" in message


@pytest.mark.parametrize(
    ("output", "errors"),
    [
        (json.dumps({"dependencies": [skipped_package("a"), skipped_package("b")]}), ""),
        (json.dumps({"dependencies": []}), ""),
        ("", "requests.exceptions.ConnectionError: Max retries exceeded"),
        ("", "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability service"),
    ],
)
def test_an_unreachable_database_is_said_and_fails_nothing(output: str, errors: str) -> None:
    result = audit_result(1, output, errors)
    assert result.status == 0
    assert result.message.startswith("NOT AUDITED: the vulnerability database is unreachable")


@pytest.mark.parametrize("errors", ["", "usage: pip-audit", "No module named pip_audit"])
def test_an_audit_that_fails_for_another_reason_fails(errors: str) -> None:
    assert audit_result(2, "", errors).status == 1

"""apt with its own state folders: needs no root and changes nothing on the machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

from supervisor.bundle import lockfile
from supervisor.bundle.errors import BundleError, LockedVersionMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from supervisor.bundle.lockfile import LockedPackage
    from supervisor.bundle.target import TargetPlatform

TIMEOUT = 600  # seconds


class AptClient:
    """The machine's apt sources for the target's architecture.

    Lists, state and cache are in ``folder``. Methods raise BundleError if apt fails.
    """

    def __init__(self, target: TargetPlatform, folder: Path) -> None:
        self._target, self._state = target, folder / "apt"

    def update(self) -> None:
        """Fetch the package lists."""
        for part in ("lists/partial", "cache/archives/partial"):
            (self._state / part).mkdir(parents=True, exist_ok=True)
        (self._state / "status").touch()
        self._run_with_options("apt-get", "-q", "update")

    def list_versions(self, names: Iterable[str], *, newest: bool) -> list[LockedPackage]:
        """Return these packages as the lists have them: all versions, or the one apt chooses."""
        choice = "--no-all-versions" if newest else "--all-versions"
        return lockfile.parse_stanzas(self._run_with_options("apt-cache", "show", choice, *names))

    def download(self, packages: Iterable[LockedPackage], folder: Path) -> None:
        """Download these versions into a folder."""
        names = [f"{package.name}={package.version}" for package in packages]
        self._run_with_options("apt-get", "-q", "download", *names, folder=folder)

    def _run_with_options(self, program: str, *arguments: str, folder: Path | None = None) -> str:
        options = {
            "APT::Architecture": self._target.name,
            "APT::Architectures": self._target.name,
            # Otherwise apt drops to the user _apt, who may not have access to the folders.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Cache": str(self._state / "cache"),
            "Dir::State": str(self._state),
            "Dir::State::lists": str(self._state / "lists"),
            "Dir::State::status": str(self._state / "status"),
        }
        settings = [part for item in options.items() for part in ("-o", "=".join(item))]
        return run_apt([program, *settings, *arguments], folder or self._state)


def fetch_packages(
    target: TargetPlatform,
    packages_to_fetch: Iterable[LockedPackage],
    folder: Path,
    report: Callable[[str], None],
) -> list[Path]:
    """Return the files of exactly these packages; those not in ``folder`` are downloaded.

    Raise LockedVersionMissingError if the mirror has only other versions, BundleError for other
    failures.
    """
    packages = list(packages_to_fetch)
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if find_downloaded(debs, package) is None]
    if missing:
        report(f"Downloading {len(missing)} Debian packages for {target.name}…")
        apt = AptClient(target, folder)
        apt.update()
        available = apt.list_versions([package.name for package in missing], newest=False)
        if outdated := lockfile.describe_missing_versions(missing, available):
            raise LockedVersionMissingError(
                f"The mirror no longer has locked packages for {target.name}:"
                f" {'; '.join(outdated)}.",
                remedy="Run `make bundle-lock` to lock the available versions, then build again.",
            )
        if replaced := lockfile.find_replaced_files(missing, available):
            raise _untrusted_mirror(
                f"has other files than the locked ones for {', '.join(replaced)}"
            )
        apt.download(missing, debs)
    found = [find_downloaded(debs, package) for package in packages]
    for package, path in zip(packages, found, strict=True):
        if path is None:
            raise _untrusted_mirror(f"sent another file than the locked one for {package.name}")
    files = [path for path in found if path is not None]
    # Files of earlier locks.
    for old in set(debs.glob("*.deb")) - set(files):
        old.unlink()
    return files


def find_downloaded(debs: Path, package: LockedPackage) -> Path | None:
    """Return the package's file in a folder, found by its SHA-256, or None."""
    for path in sorted(debs.glob(f"{package.name}_*.deb")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == package.sha256:
            return path
    return None


def _untrusted_mirror(problem: str) -> BundleError:
    return BundleError(
        f"The mirror {problem}: the SHA-256 differs.",
        remedy="Do not use the file; check the machine's apt sources.",
    )


def run_apt(command: list[str], folder: Path) -> str:
    """Run a program of apt in a folder and return its output; raise BundleError."""
    try:
        completed = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(
            f"Cannot run {command[0]}: {error}.",
            remedy="The bundle is built from Debian 12 packages: build it on Debian 12 or in a"
            " debian:12 container, or install scar's wheel, which contains it.",
        ) from error
    if completed.returncode:
        action = next((word for word in ("update", "show", "download") if word in command), "")
        raise BundleError(
            f"`{command[0]} {action}` failed: {completed.stderr.strip()[-800:]}",
            remedy="The machine's apt sources must be reachable and contain Debian 12 (bookworm).",
        )
    return completed.stdout

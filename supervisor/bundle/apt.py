"""apt in folders of our own: needs no root and changes nothing on the machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

from supervisor.bundle import lockfile as lock
from supervisor.bundle.errors import BundleError, LockedVersionMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from supervisor.bundle.lockfile import LockedPackage
    from supervisor.bundle.target import TargetPlatform

TIMEOUT = 600


class AptClient:
    """The machine's apt sources as seen by a machine of the target's architecture.

    Lists, state and cache live in ``folder``. Methods raise BundleError if apt cannot.
    """

    def __init__(self, target: TargetPlatform, folder: Path) -> None:
        self._target, self._state = target, folder / "apt"

    def update(self) -> None:
        """Fetch the lists of what is offered."""
        for part in ("lists/partial", "cache/archives/partial"):
            (self._state / part).mkdir(parents=True, exist_ok=True)
        (self._state / "status").touch()
        self._run_with_options("apt-get", "-q", "update")

    def list_versions(self, names: Iterable[str], *, newest: bool) -> list[LockedPackage]:
        """Name what the lists offer of these packages: all versions, or apt's choice of each."""
        choice = "--no-all-versions" if newest else "--all-versions"
        return lock.parse_stanzas(self._run_with_options("apt-cache", "show", choice, *names))

    def download(self, packages: Iterable[LockedPackage], folder: Path) -> None:
        """Write these versions into a folder."""
        names = [f"{package.name}={package.version}" for package in packages]
        self._run_with_options("apt-get", "-q", "download", *names, folder=folder)

    def _run_with_options(self, program: str, *arguments: str, folder: Path | None = None) -> str:
        options = {
            "APT::Architecture": self._target.name,
            "APT::Architectures": self._target.name,
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
    """Return exactly these packages' files, downloading what ``folder`` does not keep yet.

    Raise VanishedError if the mirror has other versions only, BundleError for other reasons.
    """
    packages = list(packages_to_fetch)
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if find_downloaded(debs, package) is None]
    if missing:
        report(f"Downloading {len(missing)} Debian packages for {target.name}…")
        apt = AptClient(target, folder)
        apt.update()
        offered = apt.list_versions([package.name for package in missing], newest=False)
        if gone := lock.describe_missing_versions(missing, offered):
            raise LockedVersionMissingError(
                f"The mirror no longer has locked packages of {target.name}: {'; '.join(gone)}.",
                remedy="Run `make bundle-lock` to lock the versions offered now, then build again.",
            )
        if other := lock.find_replaced_files(missing, offered):
            raise _untrusted_mirror(
                f"offers other files than the locked ones as {', '.join(other)}"
            )
        apt.download(missing, debs)
    found = [find_downloaded(debs, package) for package in packages]
    for package, path in zip(packages, found, strict=True):
        if path is None:
            raise _untrusted_mirror(f"sent another file than the locked one as {package.name}")
    files = [path for path in found if path is not None]
    for old in set(debs.glob("*.deb")) - set(files):
        old.unlink()
    return files


def find_downloaded(debs: Path, package: LockedPackage) -> Path | None:
    """Find the package's file in a folder, by its SHA-256."""
    for path in sorted(debs.glob(f"{package.name}_*.deb")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == package.sha256:
            return path
    return None


def _untrusted_mirror(what: str) -> BundleError:
    return BundleError(
        f"The mirror {what}: their SHA-256 differ.",
        remedy="Do not use what it sends; check the machine's apt sources.",
    )


def run_apt(command: list[str], folder: Path) -> str:
    """Run one of apt's programs in a folder and return what it prints; raise BundleError."""
    try:
        done = subprocess.run(
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
            f"{command[0]} cannot be used: {error}.",
            remedy="The bundle is built from Debian 12 packages: build it on Debian 12 or in a"
            " debian:12 container, or install scar's wheel, which contains it.",
        ) from error
    if done.returncode:
        action = next((word for word in ("update", "show", "download") if word in command), "")
        raise BundleError(
            f"`{command[0]} {action}` failed: {done.stderr.strip()[-800:]}",
            remedy="The machine's apt sources must offer Debian 12 (bookworm) and be reachable.",
        )
    return done.stdout

"""Bundles are built from exactly the locked packages, or not at all. A stand-in plays apt."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from supervisor.bundle import __main__ as command
from supervisor.bundle import apt, lockfile
from supervisor.bundle.build import MAX_BYTES, check_size, update_lock
from supervisor.bundle.errors import BundleError, LockedVersionMissingError
from supervisor.bundle.lockfile import LockedPackage
from supervisor.bundle.packages import LOCKED
from supervisor.bundle.target import TARGETS, find_target

if TYPE_CHECKING:
    from pathlib import Path

# Offers what $MIRROR/list says, "downloads" by copying from $MIRROR, and counts its calls.
APT = """\
#!/bin/sh
echo "$(basename "$0") $*" >>"$MIRROR/calls"
case "$*" in
*update*) ;;
*show*) cat "$MIRROR/list" ;;
*download*) cp "$MIRROR"/*.deb . ;;
esac
"""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with one package, libc6 2.36."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("apt-get", "apt-cache"):
        (programs / name).write_text(APT)
        (programs / name).chmod(0o755)
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "libc6_2.36_amd64.deb").write_bytes(b"libc6")
    offer(folder, [libc6()])
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("MIRROR", str(folder))
    return folder


def libc6(version: str = "2.36", content: bytes = b"libc6", name: str = "libc6") -> LockedPackage:
    return LockedPackage(
        name=name,
        version=version,
        sha256=hashlib.sha256(content).hexdigest(),
        path="pool/x.deb",
        source="glibc",
        source_version="2.36",
    )


def offer(mirror: Path, packages: list[LockedPackage]) -> None:
    shown = [
        f"Package: {p.name}\nVersion: {p.version}\nSource: {p.source} ({p.source_version})\n"
        f"Filename: {p.path}\nSHA256: {p.sha256}\n"
        for p in packages
    ]
    (mirror / "list").write_text("\n".join(shown))


def calls(mirror: Path) -> int:
    path = mirror / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_the_locked_file_is_downloaded_once(mirror: Path, tmp_path: Path) -> None:
    reported: list[str] = []
    (path,) = apt.fetch_packages(
        find_target("amd64"), [libc6()], tmp_path / "kept", reported.append
    )
    assert path.read_bytes() == b"libc6"
    assert calls(mirror) == 3
    apt.fetch_packages(find_target("amd64"), [libc6()], tmp_path / "kept", reported.append)
    assert calls(mirror) == 3
    assert reported == ["Downloading 1 Debian packages for amd64…"]


def test_a_damaged_or_other_file_that_was_kept_is_replaced(mirror: Path, tmp_path: Path) -> None:
    debs = tmp_path / "kept" / "debs"
    debs.mkdir(parents=True)
    (debs / "libc6_2.36_amd64.deb").write_bytes(b"damaged")
    (debs / "other_1_amd64.deb").write_bytes(b"other")
    (path,) = apt.fetch_packages(find_target("amd64"), [libc6()], tmp_path / "kept", lambda _: None)
    assert path.read_bytes() == b"libc6"
    assert list(debs.iterdir()) == [path]


def test_a_missing_version_stops_the_build_and_is_never_replaced(
    mirror: Path, tmp_path: Path
) -> None:
    offer(mirror, [libc6("2.37", b"newer")])
    with pytest.raises(
        LockedVersionMissingError, match=r"libc6 2\.36 \(available: 2\.37\)"
    ) as failure:
        apt.fetch_packages(find_target("amd64"), [libc6()], tmp_path / "kept", lambda _: None)
    assert "make bundle-lock" in failure.value.remedy
    assert not list((tmp_path / "kept" / "debs").iterdir())


def test_a_mirror_that_sends_another_file_is_refused(mirror: Path, tmp_path: Path) -> None:
    (mirror / "libc6_2.36_amd64.deb").write_bytes(b"hostile")
    with pytest.raises(BundleError, match="sent another file than the locked one for libc6"):
        apt.fetch_packages(find_target("amd64"), [libc6()], tmp_path / "kept", lambda _: None)


def test_another_file_under_the_locked_version_does_not_count_as_missing(
    mirror: Path, tmp_path: Path
) -> None:
    offer(mirror, [libc6(content=b"hostile")])
    with pytest.raises(BundleError, match=r"other files than .* for libc6 2\.36") as it:
        apt.fetch_packages(find_target("amd64"), [libc6()], tmp_path / "kept", lambda _: None)
    assert not isinstance(it.value, LockedVersionMissingError)


def test_locking_takes_available_versions_and_reports_changes(mirror: Path, tmp_path: Path) -> None:
    offer(mirror, [libc6(name=name) for name in LOCKED])
    path = tmp_path / "packages.lock"
    assert len(update_lock(tmp_path, path)) == len(TARGETS) * len(LOCKED)
    offer(mirror, [libc6("2.37" if name == "libc6" else "2.36", name=name) for name in LOCKED])
    assert update_lock(tmp_path, path) == ["amd64 libc6: 2.36 → 2.37", "arm64 libc6: 2.36 → 2.37"]
    assert lockfile.load(path)["arm64"]["libc6"].version == "2.37"
    assert update_lock(tmp_path, path) == []


def test_a_mirror_of_another_release_cannot_be_locked(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"do not have base-files, .* for amd64"):
        update_lock(tmp_path, tmp_path / "packages.lock")
    assert not (tmp_path / "packages.lock").exists()


def test_a_machine_without_apt_gets_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["--output", str(tmp_path / "dist")]) == 1
    printed = capsys.readouterr().err
    assert "Error: Cannot run apt-get" in printed
    assert "debian:12 container, or install scar's wheel" in printed


def test_a_bundle_that_is_too_large_stops_the_build() -> None:
    check_size("x", MAX_BYTES)
    with pytest.raises(BundleError, match="x has 12000001 bytes, more than 12000000"):
        check_size("x", MAX_BYTES + 1)

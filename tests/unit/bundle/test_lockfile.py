"""The lock names exactly one file per package; missing and changed versions are reported."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.bundle import lockfile
from supervisor.bundle.build import LOCK_FILE
from supervisor.bundle.errors import BundleError
from supervisor.bundle.lockfile import LockedPackage
from supervisor.bundle.packages import LOCKED
from supervisor.bundle.target import TARGETS

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = """\
Package: libbz2-1.0
Status: installed
Version: 1.0.8-4

Package: libbz2-1.0
Source: bzip2 (1.0.8-5)
Version: 1.0.8-5+b1
Description: high-quality block-sorting file compressor library
 Version: not this line
Filename: pool/main/b/bzip2/libbz2-1.0_1.0.8-5+b1_amd64.deb
SHA256: aa

Package: zlib1g
Version: 1:1.2
Source: zlib
Filename: pool/main/z/zlib/zlib1g_1.2_amd64.deb
SHA256: bb
"""


def a_package(name: str = "libc6", version: str = "2.36", sha256: str = "aa") -> LockedPackage:
    return LockedPackage(
        name=name, version=version, sha256=sha256, path="p", source="s", source_version="1"
    )


def test_what_apt_shows_is_read_without_what_is_only_installed() -> None:
    bzip2, zlib = lockfile.parse_stanzas(SHOWN)
    assert (bzip2.version, bzip2.source, bzip2.source_version) == ("1.0.8-5+b1", "bzip2", "1.0.8-5")
    assert bzip2.path == "pool/main/b/bzip2/libbz2-1.0_1.0.8-5+b1_amd64.deb"
    assert (zlib.source, zlib.source_version) == ("zlib", "1:1.2")


texts = st.text(st.characters(codec="utf-8"), min_size=1)
packages = st.builds(
    LockedPackage,
    name=texts, version=texts, sha256=texts, path=texts, source=texts, source_version=texts,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(TARGETS)), st.lists(packages), max_size=2))
def test_a_lock_that_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, list[LockedPackage]]
) -> None:
    whole = {name: {p.name: p for p in several} for name, several in found.items()}
    path = tmp_path_factory.mktemp("lock") / "packages.lock"
    path.write_text(lockfile.dump(whole), encoding="utf-8")
    assert lockfile.load(path) == whole
    assert lockfile.describe_changes(whole, lockfile.load(path)) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"amd64": {"libc6": {"version": "1"}}}'])
def test_a_damaged_lock_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "packages.lock").write_text(text)
    with pytest.raises(BundleError, match=r"packages\.lock cannot be read"):
        lockfile.load(tmp_path / "packages.lock")


def test_a_missing_version_is_reported_with_the_available_ones() -> None:
    wanted = [a_package(), a_package("zlib1g"), a_package("libssl3"), a_package("libffi8")]
    available = [
        a_package(),
        a_package(version="2.37"),
        a_package("zlib1g", version="2.37"),
        a_package("zlib1g", version="2.38"),
        a_package("libssl3", sha256="bb"),
        a_package("libffi8", version="1"),
    ]
    assert lockfile.describe_missing_versions(wanted, available) == [
        "zlib1g 2.36 (available: 2.37, 2.38)",
        "libffi8 2.36 (available: 1)",
    ]
    assert lockfile.find_replaced_files(wanted, available) == ["libssl3 2.36"]
    assert lockfile.describe_missing_versions(wanted[:1], []) == ["libc6 2.36 (available: nothing)"]


def test_changes_name_package_and_both_versions() -> None:
    old = {"amd64": {p.name: p for p in (a_package(), a_package("zlib1g"))}}
    new = {"amd64": {p.name: p for p in (a_package(version="3"), a_package("new"))}}
    assert lockfile.describe_changes(old, new) == [
        "amd64 libc6: 2.36 → 3",
        "amd64 new: none → 2.36",
        "amd64 zlib1g: 2.36 → none",
    ]


def test_the_projects_lock_is_whole() -> None:
    found = lockfile.load(LOCK_FILE)
    assert found.keys() == TARGETS.keys()
    for packages_ in found.values():
        assert set(packages_) == set(LOCKED)
        for package in packages_.values():
            assert len(package.sha256) == 64
            assert all(dataclasses.astuple(package))
    assert "://" not in LOCK_FILE.read_text()

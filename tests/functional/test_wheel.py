"""What `pip install` gets: both bundles, and nothing that their build leaves behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from scar.image.compose.supervisor_bundle import find_bundle

ROOT = Path(__file__).parents[2]
BUNDLES = tuple(f"scar-supervisor-linux-{name}.tar.gz" for name in ("amd64", "arm64"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with stand-ins for the bundles, and what their build keeps."""
    root = tmp_path / "tree"
    root.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    for name in ("scar", "supervisor"):
        unwanted = shutil.ignore_patterns("__pycache__", "dist")
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)
    dist = root / "supervisor" / "bundle" / "dist"
    (dist / "kept" / "amd64" / "debs").mkdir(parents=True)
    (dist / "kept" / "amd64" / "debs" / "libc6.deb").write_bytes(b"left over")
    (dist / "kept" / "old.tar.gz").write_bytes(b"left over")
    for name in BUNDLES:
        (dist / name).write_bytes(name.encode())
    return root


def build(root: Path, kind: str) -> Path:
    out = str(root.parent / "out")
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out]
    subprocess.run(command, cwd=root, check=True, timeout=300, capture_output=True)
    (path,) = (root.parent / "out").glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return path


def test_a_wheel_made_from_the_source_distribution_has_both_bundles(
    tree: Path, tmp_path: Path
) -> None:
    with tarfile.open(build(tree, "sdist")) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    with zipfile.ZipFile(build(source, "wheel")) as archive_:
        for name in archive_.namelist():
            archive_.extract(name, tmp_path / "site")
    dist = tmp_path / "site" / "supervisor" / "bundle" / "dist"
    assert sorted(path.name for path in dist.rglob("*")) == sorted(BUNDLES)
    for architecture in ("amd64", "arm64"):
        assert architecture.encode() in find_bundle(architecture, dist).read_bytes()
    assert (dist.parent / "packages.lock").is_file()
    assert sorted(path.name for path in (tmp_path / "site").iterdir() if "-" not in path.name) == [
        "scar",
        "supervisor",
    ]


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_without_a_bundle_no_package_is_built(kind: str, tree: Path) -> None:
    (tree / "supervisor" / "bundle" / "dist" / BUNDLES[1]).unlink()
    with pytest.raises(subprocess.CalledProcessError) as failure:
        build(tree, kind)
    assert f"{BUNDLES[1]} not found in".encode() in failure.value.stderr
    assert b"Run `make wheel`" in failure.value.stderr

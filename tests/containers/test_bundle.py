"""The built bundle starts in an empty root file system with any environment variables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from scar.image.compose.supervisor_bundle import find_bundle
from scar.image.demo import write_demo_image
from scar.image.formats.blobs import BlobCache
from scar.image.formats.resolver import find_base_image
from scar.local.engines.unpack import unpack_layer
from supervisor import config
from supervisor.bundle.build import MAX_BYTES, build_bundle
from supervisor.bundle.target import TARGETS
from supervisor.model import ExecutionMode, FunctionConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [
    pytest.mark.container,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]
BOGUS = {
    "PYTHONHOME": "/bogus",
    "PYTHONPATH": "/bogus",
    "PYTHONMALLOC": "bogus",
    "PYTHONHASHSEED": "bogus",
    "LD_PRELOAD": "/bogus.so",
    "LD_LIBRARY_PATH": "/bogus",
    "LD_AUDIT": "/bogus.so",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "OPENSSL_CONF": "/bogus",
    "SSL_CERT_FILE": "/bogus",
    "KEPT": "a=b c",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty root with the bundle in it."""
    folder = tmp_path_factory.mktemp("root")
    unpack_layer(find_bundle("amd64"), folder)
    return folder


def run(
    root: Path, *command: str, user: int = 0, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a chroot with exactly this environment."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)

    return subprocess.run(
        command,
        env=environment or {},
        preexec_fn=enter,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_it_starts_in_an_empty_root(root: Path) -> None:
    done = run(root, "/opt/scar/launch", "--self-test")
    assert (done.stderr, done.returncode) == ("", 0)
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["home"] == "/opt/scar"
    assert report["modules"] > 40
    assert report["script"] == "not tried"  # there is no /proc


# Imports are the cost of the start until the first event. These modules were once imported or
# easily could be; each takes a millisecond or more.
BUDGET = 136
NOT_BEFORE_IT_IS_NEEDED = {
    "inspect", "ast", "tokenize", "typing", "traceback", "shutil", "tempfile", "urllib.request",
    "http.client", "email", "ssl", "socket", "hashlib", "ipaddress", "locale", "encodings.idna",
    "xml.etree.ElementTree", "logging", "supervisor.storage", "supervisor.aws.client",
    "supervisor.batch.submitter", "supervisor.job_model", "supervisor.runtime.self_test",
}  # fmt: skip


def start(root: Path, option: str) -> str:
    """Start a function without a Runtime API; return what it and Python write."""
    home = root / "opt" / "scar" / "function"
    home.mkdir(exist_ok=True)
    described = FunctionConfig(name="f", mode=ExecutionMode.LAMBDA, state_bucket="state")
    (home / "function.json").write_text(config.config_to_json(described))
    loader = ("/opt/scar/ld.so", "--inhibit-cache", "--library-path", "/opt/scar/lib")
    python = ("/opt/scar/python", "-I", "-Xutf8", option, "/opt/scar/main.py")
    done = run(root, *loader, *python, environment={"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"})
    assert "The Runtime API is not reachable" in done.stderr
    return done.stderr


def test_the_start_until_the_first_event_imports_few_modules(root: Path) -> None:
    lines = start(root, "-Ximporttime").splitlines()
    times = [line for line in lines if line.startswith("import time:")]
    modules = {line.rpartition("|")[2].strip() for line in times}
    assert {"supervisor.runtime.lambda_loop", "supervisor.execution.core"} <= modules
    assert modules & NOT_BEFORE_IT_IS_NEEDED == set()
    assert len(modules) <= BUDGET


def test_the_start_until_the_first_event_reads_no_directory_of_a_zip(root: Path) -> None:
    text = start(root, "-v")
    assert "import 'supervisor.execution.core' # <supervisor.runtime.module_archive" in text
    assert "zipimport: found" not in text


COUNT = """
from supervisor.runtime import fast_start
fast_start.prepare("/opt/scar/methods.bin")
import dataclasses
take, (known,) = dataclasses.exec, [c.cell_contents for c in dataclasses.exec.__closure__]
asked = []
def counted(text, scope, names):
    asked.append(text)
    take(text, scope, names)
dataclasses.exec = counted
import supervisor.execution.core, supervisor.runtime.lambda_loop
import supervisor.runtime.batch_job, supervisor.storage.s3
print(len(asked) > 100, [text for text in asked if text not in known])
"""


def test_no_method_of_a_dataclass_is_compiled_at_start(root: Path) -> None:
    loader = ("/opt/scar/ld.so", "--inhibit-cache", "--library-path", "/opt/scar/lib")
    done = run(root, *loader, "/opt/scar/python", "-I", "-Xutf8", "-c", COUNT)
    assert (done.stderr, done.stdout) == ("", "True []\n")


def test_the_images_variables_do_not_reach_it(root: Path) -> None:
    done = run(root, "/opt/scar/launch", "--self-test", environment=BOGUS)
    assert (done.stderr, done.returncode) == ("", 0)


def test_an_images_preload_list_does_not_reach_it(root: Path) -> None:
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "ld.so.preload").write_text("/bogus.so\n")
    done = run(root, "/opt/scar/launch", "--self-test")
    (root / "etc" / "ld.so.preload").unlink()
    assert (done.stderr, done.returncode) == ("", 0)


def test_the_hidden_variables_are_renamed_and_the_others_kept(root: Path, tmp_path: Path) -> None:
    """A fake loader prints its arguments and environment."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed")
    home = tmp_path / "opt" / "scar"
    home.mkdir(parents=True)
    shutil.copy(root / "opt" / "scar" / "launch", home / "launch")
    (tmp_path / "bin").mkdir()
    shutil.copy(busybox, tmp_path / "bin" / "busybox")
    (home / "ld.so").write_text('#!/bin/busybox sh\necho "$@"\nexec /bin/busybox env\n')
    (home / "ld.so").chmod(0o755)
    done = run(tmp_path, "/opt/scar/launch", "one two", "*", environment=BOGUS)
    first, *variables = done.stdout.splitlines()
    assert first == (
        "--inhibit-cache --library-path /opt/scar/lib /opt/scar/python -I -Xutf8"
        " /opt/scar/main.py one two *"
    )
    found = dict(line.split("=", 1) for line in variables)
    expected = {name if name == "KEPT" else f"SCARX_{name}": BOGUS[name] for name in BOGUS}
    assert {name: found.get(name) for name in expected} == expected
    assert not set(found) & (set(BOGUS) - {"KEPT"})


@pytest.mark.parametrize(
    ("options", "seen"), [("", "term\nwaited\n"), ("--pid --fork", "waited\n")]
)
def test_as_process_1_it_blocks_term(root: Path, tmp_path: Path, options: str, seen: str) -> None:
    """A fake loader sends TERM to itself: in a process 1 it stays pending until it is taken."""
    busybox, unshare = shutil.which("busybox"), shutil.which("unshare")
    if busybox is None or unshare is None:
        pytest.skip("busybox or unshare is not installed")
    home = tmp_path / "opt" / "scar"
    home.mkdir(parents=True)
    shutil.copy(root / "opt" / "scar" / "launch", home / "launch")
    (tmp_path / "bin").mkdir()
    shutil.copy(busybox, tmp_path / "bin" / "busybox")
    lines = ("#!/bin/busybox sh", "trap 'echo term' TERM", "kill -TERM $$", "echo waited")
    (home / "ld.so").write_text("\n".join(lines))
    (home / "ld.so").chmod(0o755)
    command = (unshare, *options.split(), busybox, "chroot", str(tmp_path), "/opt/scar/launch")
    done = run(tmp_path.parents[-1], *command)
    assert (done.stdout, done.stderr, done.returncode) == (seen, "", 0)


def test_it_starts_beside_busybox_and_as_another_user(root: Path) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed")
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy(busybox, root / "bin" / "busybox")
    root.chmod(0o755)
    line = "/opt/scar/launch --self-test"
    done = run(root, "/bin/busybox", "sh", "-c", line, user=65534)
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_very_large_environment_is_passed_on(root: Path) -> None:
    many = {f"LD_BOGUS_{n}": "x" * 1000 for n in range(1000)}
    done = run(root, "/opt/scar/launch", "--self-test", environment=many)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("architecture", sorted(TARGETS))
def test_all_modes_are_readable_by_anyone(architecture: str) -> None:
    with tarfile.open(find_bundle(architecture)) as archive:
        members = archive.getmembers()
    assert {oct(m.mode) for m in members} == {"0o644", "0o755"}
    assert {(m.uid, m.gid, m.mtime) for m in members} == {(0, 0, 0)}
    names = {m.name for m in members}
    assert {"opt/scar/roots.pem", "opt/scar/ca-bundle.pem", "opt/scar/main.py"} <= names
    assert "opt/scar/share/licenses/libc6/copyright" in names
    assert "opt/scar/share/licenses/common/LGPL-2.1" in names


def test_the_demo_image_runs_python_scripts(tmp_path: Path) -> None:
    write_demo_image(tmp_path / "demo.tar")
    image = find_base_image(
        "", tmp_path / "demo.tar", architecture="amd64", cache=BlobCache(tmp_path / "cache")
    )
    root = tmp_path / "root"
    root.mkdir()
    with image.layers[0].blob.open() as file:
        (tmp_path / "layer.tar").write_bytes(file.read())
    unpack_layer(tmp_path / "layer.tar", root)
    script = root / "script"
    script.write_text(
        "#!/usr/bin/python3\n"
        "import csv, datetime, decimal, json, math, os, platform, random, statistics, sys\n"
        "import concurrent.futures, hashlib, pathlib, subprocess, urllib.request, zlib\n"
        "print(sys.version_info[:2], sys.executable)\n"
    )
    script.chmod(0o755)
    done = run(root, "/script")
    assert (done.stderr, done.stdout) == ("", "(3, 11) /usr/bin/python3\n")


@pytest.mark.parametrize("architecture", sorted(TARGETS))
def test_another_build_gives_the_same_bytes_without_any_network(
    architecture: str, tmp_path: Path
) -> None:
    built = find_bundle(architecture)
    kept = built.parent / "kept"
    if not kept.is_dir():
        pytest.skip("the bundle was not built here")
    for name in TARGETS:
        shutil.copytree(kept / name / "debs", tmp_path / "kept" / name / "debs")
    messages: list[str] = []
    first = build_bundle(architecture, tmp_path, report=messages.append)
    assert first.read_bytes() == built.read_bytes()
    build_bundle(architecture, tmp_path, report=messages.append)
    assert messages[-1].endswith("is up to date")
    assert not [line for line in messages if "Downloading" in line]
    assert built.stat().st_size <= MAX_BYTES

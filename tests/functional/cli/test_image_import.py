"""``scar image import``: a root file system becomes an image file, with a report."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from scar.cli.services import Services

FDL = """\
functions:
  aws:
  - lambda:
      name: f
      container: {image_file: FILE}
"""


def write_root(path: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, kind in (("./etc", tarfile.DIRTYPE), ("./dev/null", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            archive.addfile(info)
        for number in range(4):
            info = tarfile.TarInfo(f"./dev/loop{number}")
            info.type = tarfile.BLKTYPE
            archive.addfile(info)
        info = tarfile.TarInfo("./usr/bin/tool")
        info.size, info.mode = 4, 0o755
        archive.addfile(info, io.BytesIO(b"tool"))
    return path


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.chdir(tmp_path)
    return FakeServices({"XDG_CACHE_HOME": str(tmp_path / "cache")})


def test_a_root_file_system_becomes_an_image_that_validate_accepts(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_root(tmp_path / "root.tar.gz", "w:gz")
    settings = ["--cmd", "/usr/bin/tool -v", "--entrypoint", '["/bin/e", "a b"]', "--user", "me"]
    settings += ["--env", "A=b=c", "--workdir", "/data", "-a", "arm64", "--tag", "mine:1"]
    arguments = ["image", "import", "root.tar.gz", "-o", "image.tar", *settings]
    assert run([*arguments, "-j"], services) == 0
    output = capsys.readouterr()
    shown = json.loads(output.out)
    assert shown["run"]["command"] == ["/usr/bin/tool", "-v"]
    assert shown["run"]["entrypoint"] == ["/bin/e", "a b"]
    assert shown["run"]["environment"]["A"] == "b=c"
    assert shown["run"]["environment"]["PATH"].endswith("/bin")
    assert (shown["run"]["user"], shown["run"]["workdir"]) == ("me", "/data")
    assert (shown["image"], shown["platform"]) == ("mine:1", "linux/arm64")
    assert "Left out 5 files" in output.err
    assert "dev/null, dev/loop0, dev/loop1 and 2 more" in output.err
    assert "no /bin/sh" in output.err
    Path("f.yaml").write_text(FDL.replace("FILE", "image.tar"))
    assert run(["validate", "-f", "f.yaml"], services) == 0


def test_validate_names_a_root_file_system_and_the_command(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_root(tmp_path / "root.tar")
    os.mkfifo(tmp_path / "fifo")
    for file, problem in {
        "root.tar": "it is a root file system. Make an image of it: `scar image import",
        "/dev/zero": "not a regular file",
        "fifo": "not a regular file",
        "gone.tar": "cannot be read: No such file",
        ".": "it is a folder",
    }.items():
        Path("f.yaml").write_text(FDL.replace("FILE", file))
        assert run(["validate", "-f", "f.yaml"], services) == 3
        error = capsys.readouterr().err
        assert "f.yaml:5:" in error
        assert problem in " ".join(error.split())


@pytest.mark.parametrize("key", ["init_script", "run_script"])
def test_validate_refuses_scripts_without_end(
    key: str, services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "fifo")
    for file in ("/dev/zero", "fifo"):
        text = f"functions: {{aws: [lambda: {{name: f, container: {{image: a}}, {key}: {file}}}]}}"
        Path("f.yaml").write_text(text)
        assert run(["validate", "-f", "f.yaml"], services) == 3
        assert "not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["root.tar"], 2, "Missing option '-o'"),
        (["gone.tar", "-o", "i.tar"], 2, "gone.tar cannot be read"),
        (["root.tar", "-o", "no/i.tar"], 2, "no is not a folder"),
        (["root.tar", "-o", "i.tar", "--env", "A"], 2, "not NAME=VALUE"),
        (["root.tar", "-o", "i.tar", "--workdir", "a"], 2, "not an absolute path"),
        (["root.tar", "-o", "i.tar", "--cmd", '["a"'], 2, "not a command"),
        (["root.tar", "-o", "i.tar", "--cmd", "[1]"], 2, "not a list of strings"),
        (["root.tar", "-o", "i.tar", "--cmd", "'a"], 2, "not a command"),
        (["root.tar", "-o", "i.tar", "--tag", "A"], 1, "lowercase"),
        (["/dev/zero", "-o", "i.tar"], 1, "not a regular file"),
        (["text", "-o", "i.tar"], 1, "it is a text file"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_written(
    arguments: list[str],
    status: int,
    problem: str,
    services: Services,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_root(tmp_path / "root.tar")
    (tmp_path / "text").write_text("hello")
    assert run(["image", "import", *arguments], services) == status
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "i.tar").exists()

"""The runner of the examples: READMEs, Dockerfiles, tools that build images, comparison."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from examples.runner import images
from examples.runner.__main__ import main
from examples.runner.dockerfile import UnsupportedDockerfileError, parse_dockerfile
from examples.runner.readme import run_commands, step_script
from examples.runner.requirements import missing_requirements
from examples.runner.results import differences
from examples.runner.runs import needs_image

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
WITH_IMAGE = [name for name in NAMES if (EXAMPLES / name / "Dockerfile").exists()]
# Writes the archive, as `docker save -o FILE` and `buildah push` do, and notes what it was asked.
ENGINE = (
    '#!/bin/sh\necho "$(basename "$0") $*" >>calls\ncase $1 in save|push) echo >image.tar ;; esac\n'
)
FAILING = "#!/bin/sh\necho >&2 'no such registry'\nexit 1\n"


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of programs that are found instead of this machine's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "basename"):
        (folder / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def example(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    shutil.copytree(EXAMPLES / "images", folder, ignore=shutil.ignore_patterns("image.tar"))
    return folder


def run_script(commands: list[str]) -> subprocess.CompletedProcess[str]:
    script = ["sh", "-c", step_script(commands)]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def test_the_table_lists_all_examples() -> None:
    listed = re.findall(
        r"^\| \[([\w-]+)\]\(\1/README\.md\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_all_parts(name: str) -> None:
    folder = EXAMPLES / name
    commands = run_commands(folder / "README.md")
    assert commands[0].startswith(("scar ", "if ["))
    assert list(folder.glob("*.yaml"))
    assert (folder / "expected").is_dir()
    deployed = [command for command in commands if command.startswith("scar init ")]
    removed = [command for command in commands if command.startswith("scar rm ")]
    assert len(deployed) == len(removed)
    if needs_image(folder):
        assert name in WITH_IMAGE or "scar.image.demo" in (folder / "README.md").read_text()


@pytest.mark.parametrize("name", WITH_IMAGE)
def test_the_image_command_of_a_readme_writes_the_image(
    name: str, path: Path, tmp_path: Path
) -> None:
    program(path, "docker", ENGINE)
    text = (EXAMPLES / name / "README.md").read_text()
    block = re.search(r"^## Image\n.*?^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    subprocess.run(["sh", "-euc", block[1]], cwd=tmp_path, check=True)
    assert (tmp_path / "image.tar").exists()
    assert (tmp_path / "calls").read_text() == (
        f"docker build --platform linux/amd64 -t {name} .\ndocker save -o image.tar {name}\n"
    )


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_an_engine_builds_the_dockerfile(engine: str, path: Path, example: Path) -> None:
    program(path, engine, ENGINE)
    reported: list[str] = []
    images.build_image(example, report=reported.append)
    assert reported == [f"Building image.tar from the Dockerfile with {engine}"]
    assert (example / "image.tar").exists()
    built, saved = (example / "calls").read_text().splitlines()
    assert built == f"{engine} build --platform linux/amd64 -t scar-example-images:1 ."
    assert "image.tar" in saved


def test_the_next_tool_is_tried_if_one_fails(path: Path, example: Path) -> None:
    program(path, "docker", FAILING)
    program(path, "podman", ENGINE)
    images.build_image(example, report=lambda _: None)
    assert (example / "calls").read_text().startswith("podman build ")


def test_without_any_tool_each_reason_is_given(path: Path, example: Path) -> None:
    program(path, "docker", FAILING)
    with pytest.raises(images.ImageNotBuiltError) as caught:
        images.build_image(example, report=lambda _: None)
    assert "docker: no such registry\n  podman: not installed\n" in str(caught.value)
    assert "mmdebstrap: not installed" in str(caught.value)


def test_mmdebstrap_names_what_it_cannot_build(path: Path, example: Path) -> None:
    program(path, "mmdebstrap", ENGINE)
    (example / "Dockerfile").write_text("FROM python:3.12-slim\nRUN pip install dask\n")
    with pytest.raises(images.ImageNotBuiltError, match=r"mmdebstrap: cannot build `.*FROM"):
        images.build_image(example, report=lambda _: None)


def test_a_dockerfile_becomes_packages_hooks_and_variables(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "# an example\nFROM debian:bookworm-slim\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends r-base-core \\\n"
        "    libstdc++6 && rm -rf /var/lib/apt/lists/*\n"
        "ENV LC_ALL=C.UTF-8\nCOPY pi.c /tmp/\nRUN echo 'a b' >/c\n"
    )
    found = parse_dockerfile(tmp_path / "Dockerfile")
    assert (found.release, found.packages) == ("bookworm", ("r-base-core", "libstdc++6"))
    assert found.variables == ("LC_ALL=C.UTF-8",)
    copied, command = found.hooks
    assert copied == "copy-in pi.c /tmp/"
    root = ["sh", "-c", f'chroot() {{ shift; printf "[%s]" "$@"; }}; {command}', "sh", "/root"]
    seen = subprocess.run(root, capture_output=True, text=True, check=True).stdout
    assert seen == "[sh][-c][echo 'a b' >/c]"


@pytest.mark.parametrize(
    "line",
    ["FROM python:3", "COPY --from=x a b/", "COPY a /b", "WORKDIR /x", "RUN --mount=type=cache x"],
)
def test_other_lines_of_a_dockerfile_are_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"{line}\n")
    with pytest.raises(UnsupportedDockerfileError, match=re.escape(line)):
        parse_dockerfile(tmp_path / "Dockerfile")


def test_commands_are_those_of_the_section_run(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "## Image\n```sh\ndocker\n```\n## Run\n```sh\none a#b   # why\ntwo \\\n  more\n```\n"
        "text\n```sh\nthree\n```\n```\nno command\n```\n## On AWS\n```sh\nfour\n```\n"
    )
    assert run_commands(tmp_path / "README.md") == ["one a#b", "two more", "three"]
    (tmp_path / "README.md").write_text("## Run\n\nnothing\n")
    with pytest.raises(ValueError, match="no commands in a section"):
        run_commands(tmp_path / "README.md")


def test_the_commands_share_a_shell_and_are_shown() -> None:
    done = run_script(["x='a b'", 'echo "$x"'])
    assert (done.returncode, done.stdout) == (0, "\n$ x='a b'\n\n$ echo \"$x\"\na b\n")


def test_a_failing_command_ends_the_script_and_is_named() -> None:
    done = run_script(["sh -c 'exit 7'", "echo later"])
    assert done.returncode == 7
    assert "This step failed with exit status 7: sh -c 'exit 7'" in done.stdout
    assert "later" not in done.stdout


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_results_are_compared_by_names_contents_and_printed_lines(tmp_path: Path) -> None:
    assert differences(tmp_path, "") == [f"{tmp_path / 'expected'} does not exist"]
    write(tmp_path / "expected/files.txt", "a/x.txt\nb.png\nc.png\n")
    write(tmp_path / "expected/output/a/x.txt", "1\n")
    write(tmp_path / "expected/printed.txt", "first\nsecond\n")
    for name, text in {"a/x.txt": "1\n", "b.png": "?", "c.png": "?"}.items():
        write(tmp_path / "output" / name, text)
    assert differences(tmp_path, "first\nbetween\n12:00 batch 3f9c  second\n") == []
    write(tmp_path / "output/a/x.txt", "2\n")
    write(tmp_path / "output/b.png", "")
    write(tmp_path / "output/d.png", "?")
    (tmp_path / "output/c.png").unlink()
    assert differences(tmp_path, "second\nfirst\n") == [
        "output/c.png is missing",
        "output/d.png is not listed in expected/files.txt",
        "output/b.png is empty",
        "output/a/x.txt differs from expected/output/a/x.txt; it is:\n2\n",
        "not printed, or not in this order: second",
    ]


def test_an_unknown_example_is_refused_with_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["imges"])
    assert "images" in capsys.readouterr().err


def test_an_example_whose_image_cannot_be_built_ends_with_the_reason(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(path, "scar", ENGINE)
    assert main(["images", "--work", str(tmp_path / "work")]) == 1
    assert "Install one of docker, podman, buildah, mmdebstrap" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "work" / "images").iterdir()] == ["images"]


def test_what_an_example_needs_is_said_before_its_image_is_built(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(path, "docker", ENGINE)
    program(path, "scar", ENGINE)
    monkeypatch.setenv("MINIO_ACCESS_KEY", "set")
    monkeypatch.setenv("MINIO_SECRET_KEY", "")
    assert main(["minio", "--work", str(tmp_path / "work")]) == 1
    said = capsys.readouterr().err
    for text in ("MINIO_SECRET_KEY is not set", "MINIO_WEBHOOK_TOKEN is not set", "program mc is"):
        assert text in said
    assert "minio.yaml names minio.example.org" in said
    assert "MINIO_ACCESS_KEY" not in said
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "minio"])
def test_other_examples_need_only_scar_and_programs(name: str) -> None:
    found = missing_requirements(EXAMPLES / name, {"PATH": "/nowhere"})
    assert all(text.startswith("the program ") for text in found), found
    assert "the program scar is not installed" in found
    assert not any(word in f"{found}" for word in (" if ", " [ ", " cd ", " for "))

"""``scar image``: what inspect shows, and the files that compose writes."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scar.cli.main import run
from scar.image.compose.tree_images import build_image, write_docker_archive
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile, LayerFolder, build_layer
from scar.image.formats.resolver import find_base_image
from supervisor.model import ImageDefaults
from tests.fakes.registries import faulty_registry
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.aws.client.connection import AwsConnection
    from scar.aws.images.image_builder import FunctionImageBuilder

RUN = ImageDefaults(entrypoint=("/bin/x", "a b"), environment={"PATH": "/bin", "LANG": "C"})
TREES = [{"bin/x": LayerFile(b"#!", 0o755)}, {"etc/y": LayerFile(b"y")}]
FDL = """\
functions:
  aws:
  - lambda: {name: gray, init_script: s.sh, container: {image_file: image.tar}}
  - lambda: {name: red, container: {image_file: image.tar}}
"""


@dataclass(frozen=True)
class BundleServices(FakeServices):
    """Uses a small archive as the supervisor layer."""

    bundle: Path = field(default_factory=Path)

    @contextmanager
    def open_function_images(
        self, connection: AwsConnection, report: Callable[[str], None]
    ) -> Iterator[FunctionImageBuilder]:
        with super().open_function_images(connection, report) as images:
            images.find_bundle = lambda _: self.bundle
            yield images


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleServices:
    """A folder with an FDL file, its script and its image, to be in."""
    monkeypatch.chdir(tmp_path)
    write_docker_archive(tmp_path / "image.tar", "base:1", TREES, RUN)
    (tmp_path / "f.yaml").write_text(FDL)
    (tmp_path / "s.sh").write_text("#!/bin/sh\n")
    packed = build_layer(
        {"opt/scar/launch": LayerFile(b"#!", 0o755), "opt/scar/lib": LayerFolder()}
    ).blob
    with packed.open() as file:
        (tmp_path / "bundle.tar.gz").write_bytes(file.read())
    return BundleServices(
        {"XDG_CACHE_HOME": str(tmp_path / "cache"), "DOCKER_HOST": "unix:///nowhere"},
        bundle=tmp_path / "bundle.tar.gz",
    )


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_image_in_a_file_is_shown_with_how_it_is_run(
    services: BundleServices, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["image", "inspect", "-if", "image.tar"], services) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Image       base:1"
    assert 'Entrypoint  ["/bin/x", "a b"]' in lines
    assert "Variable    LANG=C" in lines
    assert len(lines) - lines.index("") - 2 == len(TREES)
    assert services.targets == []  # no account is needed


def test_an_image_in_a_registry_is_shown_without_its_layers_being_fetched(
    services: BundleServices, capsys: pytest.CaptureFixture[str]
) -> None:
    image = build_image(TREES, RUN)
    with faulty_registry() as registry:
        registry.add_image(image, "1")
        assert run(["image", "inspect", f"{registry.host}/a:1", "--output", "json"], services) == 0
        assert registry.request_counts["GET blobs"] == 1  # the configuration
    found = shown(capsys)
    assert [item["digest"] for item in found["layers"]] == [i.blob.digest for i in image.layers]
    assert found["size"] == sum(item.blob.size for item in image.layers)
    assert found["function"] is None


def test_a_composed_image_is_kept_whole_and_is_read_again_with_its_function(
    services: BundleServices, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["image", "compose", "-f", "f.yaml", "-n", "gray", "--json"]
    assert run([*arguments, "--output-file", "out.tar"], services) == 0
    made = shown(capsys)
    assert run(arguments, services) == 0
    assert shown(capsys) == made
    assert run(["image", "inspect", "-if", "out.tar", "-j"], services) == 0
    assert shown(capsys) == {**made, "digest": None}
    assert made["image"] == "scar/gray:latest"
    assert made["function"]["name"] == "gray"
    assert made["function"]["image"]["entrypoint"] == list(RUN.entrypoint)
    assert sorted(p.name for p in Path().glob("*.tar")) == ["image.tar", "out.tar"]


def test_layers_in_a_registry_go_into_the_file(services: BundleServices) -> None:
    with faulty_registry() as registry:
        registry.add_image(build_image(TREES, RUN), "1")
        registry.broken_downloads = 2
        arguments = ["image", "compose", "-n", "blue", "-i", f"{registry.host}/a:1"]
        assert run([*arguments, "-o", "out.tar", "--tag", "mine/blue:2"], services) == 0
    cache = BlobCache(Path("other"))
    image = find_base_image("mine/blue:2", Path("out.tar"), architecture="x86_64", cache=cache)
    assert len(image.layers) == len(TREES) + 2


def test_a_registry_that_lies_leaves_no_half_of_a_file(
    services: BundleServices, capsys: pytest.CaptureFixture[str]
) -> None:
    image = build_image(TREES, RUN)
    Path("out.tar").write_bytes(b"before")
    with faulty_registry() as registry:
        registry.add_image(image, "1")
        registry.corrupt_digests = frozenset({image.layers[1].blob.digest})
        arguments = ["image", "compose", "-n", "blue", "-i", f"{registry.host}/a:1"]
        assert run([*arguments, "-o", "out.tar"], services) == 1
    assert "does not match its digest" in capsys.readouterr().err
    assert Path("out.tar").read_bytes() == b"before"
    assert not list(Path().glob(".out*"))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["inspect"], 2, "IMAGE or -if FILE."),
        (["inspect", "-if", "nosuch.tar"], 1, "nosuch.tar"),
        (["inspect", "Bad:Name"], 1, "is not a valid image name"),
        (
            ["compose", "-f", "f.yaml"],
            2,
            "-n NAME. The file has gray, red.",
        ),
        (
            ["compose", "-f", "f.yaml", "-n", "x"],
            2,
            "There is no function x. The file has gray, red.",
        ),
        (
            ["compose", "-n", "a", "-if", "image.tar", "-o", "i.tar", "--tag", "A"],
            1,
            "repository name must be lowercase",
        ),
        (["compose", "-n", "a", "-if", "image.tar", "-o", "no/out.tar"], 2, "no is not a folder"),
        (["compose", "-n", "a", "-if", "image.tar", "-o", "/dev/null"], 2, "or a device"),
    ],
)
def test_errors_name_the_option(
    services: BundleServices,
    arguments: list[str],
    status: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["image", *arguments], services) == status
    assert words in capsys.readouterr().err

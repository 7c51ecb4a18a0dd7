"""A composed image starts the supervisor and records the base image's settings."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from scar.image.compose.function_image import build_function_layer, compose_image
from scar.image.compose.tree_images import build_image, write_docker_archive
from scar.image.errors import ImageError
from scar.image.formats.layer import LayerFile
from scar.image.formats.resolver import find_base_image
from supervisor.config import config_to_json
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults

if TYPE_CHECKING:
    from pathlib import Path

    from scar.image.formats.blobs import BlobCache
    from scar.image.formats.composed_image import ComposedImage

TREES = [{"bin/tool": LayerFile(b"base" * 300, 0o755)}, {"etc/app.conf": LayerFile(b"second")}]
RUN = ImageDefaults(
    entrypoint=("/bin/tool",),
    command=("--all",),
    environment={"PATH": "/bin", "PYTHONHOME": "/bogus", "A": "b=c"},
    user="app:app",
    workdir="/srv",
)


def function_json(script: str = "run.sh") -> str:
    return config_to_json(
        FunctionConfig(
            name="f", mode=ExecutionMode.LAMBDA, state_bucket="state", script=script, image=RUN
        )
    )


def compose_from(path: Path, cache: BlobCache, bundle: Path) -> ComposedImage:
    base = find_base_image("app:1", path, architecture="amd64", cache=cache)
    assert base.defaults == RUN
    return compose_image(base, bundle, function_json(), b"#!/bin/sh\n")


def test_both_archive_forms_give_the_same_digest_every_time(
    tmp_path: Path, cache: BlobCache, bundle: Path
) -> None:
    old, new = tmp_path / "old.tar", tmp_path / "new.tar"
    write_docker_archive(old, "app:1", TREES, RUN)
    build_image(TREES, RUN).save(new, "app:1")
    packed = tmp_path / "old.tar.gz"
    packed.write_bytes(gzip.compress(old.read_bytes()))
    digests = {compose_from(path, cache, bundle).digest for path in (old, new, packed, old)}
    assert len(digests) == 1


def test_the_configuration_starts_the_supervisor_and_keeps_only_the_path(
    tmp_path: Path, cache: BlobCache, bundle: Path
) -> None:
    write_docker_archive(tmp_path / "i.tar", "app:1", TREES, RUN)
    composed = compose_from(tmp_path / "i.tar", cache, bundle)
    config = document(composed.config.data)
    assert config["config"] == {
        "Entrypoint": ["/opt/scar/launch"],
        "Env": ["PATH=/bin"],
        "WorkingDir": "/",
    }
    assert config["rootfs"]["diff_ids"] == [item.diff_id for item in composed.layers]
    assert len(config["history"]) == len(composed.layers) == 4
    manifest = document(composed.manifest.data)
    assert manifest["config"]["digest"] == composed.config.digest
    assert [item["digest"] for item in manifest["layers"]] == [
        item.blob.digest for item in composed.layers
    ]


def test_the_last_layer_holds_the_function_readable_by_all() -> None:
    data = build_function_layer(function_json(), b"#!/bin/sh\necho").blob.data
    assert isinstance(data, bytes)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        modes = {member.name: oct(member.mode) for member in archive if member.isreg()}
    assert modes == {
        "opt/scar/function/function.json": "0o644",
        "opt/scar/function/run.sh": "0o755",
    }


def test_only_the_function_layer_differs_when_only_the_script_changes(
    tmp_path: Path, cache: BlobCache, bundle: Path
) -> None:
    write_docker_archive(tmp_path / "i.tar", "app:1", TREES, RUN)
    base = find_base_image("", tmp_path / "i.tar", architecture="x86_64", cache=cache)
    one = compose_image(base, bundle, function_json(), b"one")
    two = compose_image(base, bundle, function_json(), b"two")
    assert one.digest != two.digest
    assert one.layers[:-1] == two.layers[:-1]


@pytest.mark.parametrize("name", ["../run.sh", "a/b", "function.json", ".."])
def test_a_script_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ImageError, match="not a valid file name for a script"):
        build_function_layer(function_json(name), b"x")


def test_a_script_without_a_name_is_refused() -> None:
    with pytest.raises(ImageError, match="do not match"):
        build_function_layer(function_json(""), b"x")


def test_a_saved_composed_image_can_be_read_again(
    tmp_path: Path, cache: BlobCache, bundle: Path
) -> None:
    write_docker_archive(tmp_path / "i.tar", "app:1", TREES, RUN)
    composed = compose_from(tmp_path / "i.tar", cache, bundle)
    composed.save(tmp_path / "out.tar", "composed:1")
    again = find_base_image("composed:1", tmp_path / "out.tar", architecture="amd64", cache=cache)
    assert again.defaults.entrypoint == ("/opt/scar/launch",)
    assert [item.blob.digest for item in again.layers] == [
        item.blob.digest for item in composed.layers
    ]


def document(data: object) -> Any:  # noqa: ANN401
    assert isinstance(data, bytes)
    return json.loads(data)

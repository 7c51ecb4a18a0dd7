"""The function in an image's last layer, which may come from a stranger."""

from __future__ import annotations

import gzip
import tarfile
from typing import TYPE_CHECKING

import pytest

from scar.image.compose.function_image import ENTRYPOINT
from scar.image.compose.inspection import inspect_image
from scar.image.compose.tree_images import image_config
from scar.image.errors import ImageError
from scar.image.formats.archive import MAX_DOCUMENT_SIZE
from scar.image.formats.base_image import build_base_image
from scar.image.formats.blobs import Blob
from scar.image.formats.layer import ImageLayer, LayerFile, build_tar
from scar.image.formats.manifest import dump_json
from supervisor.config import config_to_json
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults

if TYPE_CHECKING:
    from scar.image.formats.base_image import BaseImage

NAME = "opt/scar/function/function.json"
CONFIG = FunctionConfig(name="f", mode=ExecutionMode.LAMBDA, state_bucket="state", script="r.sh")


def an_image(layer: bytes) -> BaseImage:
    data = gzip.compress(layer)
    blob = Blob(digest="sha256:" + "1" * 64, size=len(data), data=data)
    defaults = ImageDefaults(entrypoint=(ENTRYPOINT,))
    config = dump_json(image_config(["sha256:" + "2" * 64], defaults, "amd64"))
    layers = (ImageLayer(blob=blob, diff_id="sha256:" + "2" * 64),)
    return build_base_image("app:1", config, layers, "amd64")


def test_the_function_of_a_composed_image_is_found() -> None:
    layer = build_tar({"a": LayerFile(b"x"), NAME: LayerFile(config_to_json(CONFIG).encode())})
    assert inspect_image(an_image(layer)).function == CONFIG


def test_an_image_with_the_entrypoint_alone_has_no_function() -> None:
    assert inspect_image(an_image(build_tar({"a": LayerFile(b"x")}))).function is None


def test_a_large_or_damaged_function_is_refused() -> None:
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 1024
    large = build_tar({NAME: LayerFile(bytes(MAX_DOCUMENT_SIZE + 1))})
    for layer, words in (
        (large, "has 4,194,305 bytes"),
        (header.tobuf() + b"9" * 1024, "a pax header is damaged"),
    ):
        with pytest.raises(ImageError, match=words):
            inspect_image(an_image(layer))

"""`scar image compose` composes the same image that ``init`` pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy import deploy
from scar.aws.images.image_builder import FunctionImageBuilder, compose_function_image
from scar.aws.model.plan import Create
from scar.aws.model.resources import EcrImage
from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile, LayerFolder, build_layer
from supervisor.model import ImageDefaults
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import MODES, a_function

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection


class OfflineImageBuilder(FunctionImageBuilder):
    """Sends no request to a registry: moto has none."""

    def holds(self, repository: str, digest: str) -> bool:
        return False


@pytest.mark.parametrize("mode", MODES)
def test_its_digest_is_the_one_that_init_would_push(
    connection: AwsConnection, tmp_path: Path, mode: str
) -> None:
    run = ImageDefaults(command=("/bin/x",))
    write_docker_archive(
        tmp_path / "image.tar", "busybox:1", [{"bin/x": LayerFile(b"#!", 0o755)}], run
    )
    packed = build_layer(
        {"opt/scar/launch": LayerFile(b"#!", 0o755), "opt/scar/lib": LayerFolder()}
    ).blob
    with packed.open() as file:
        (tmp_path / "bundle.tar.gz").write_bytes(file.read())
    images = OfflineImageBuilder(
        connection=connection,
        find_bundle=lambda _: tmp_path / "bundle.tar.gz",
        cache=BlobCache(tmp_path / "cache"),
        image_stores=(),
        report=lambda _: None,
    )
    function = changed(a_function(mode), image_file=tmp_path / "image.tar")
    composed = compose_function_image(function, connection, images)
    todo = deploy.init([function], connection, lambda _: None, images=images, dry_run=True)
    pushed = {
        change.desired.digest
        for change in todo.changes
        if isinstance(change, Create) and isinstance(change.desired, EcrImage)
        if change.desired.name == function.repository
    }
    assert pushed == {composed.digest}

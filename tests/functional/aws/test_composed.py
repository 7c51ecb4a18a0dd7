"""An image composed to be looked at is the one that ``init`` pushes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy import deploy
from scar.aws.images.image_builder import FunctionImages, composed
from scar.aws.model.plan import Create
from scar.aws.model.resources import Image
from scar.image.compose.tree_images import docker_save
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import File, Folder, layer
from supervisor.model import ImageDefaults
from tests.functional.aws.making import MODES, a_function

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import Connection


class Images(FunctionImages):
    """Asks no registry: there is none behind moto."""

    def holds(self, repository: str, digest: str) -> bool:
        return False


@pytest.mark.parametrize("mode", MODES)
def test_its_digest_is_the_one_that_init_would_push(
    connection: Connection, tmp_path: Path, mode: str
) -> None:
    run = ImageDefaults(command=("/bin/x",))
    docker_save(tmp_path / "image.tar", "busybox:1", [{"bin/x": File(b"#!", 0o755)}], run)
    packed = layer({"opt/scar/launch": File(b"#!", 0o755), "opt/scar/lib": Folder()}).blob
    with packed.open() as file:
        (tmp_path / "bundle.tar.gz").write_bytes(file.read())
    images = Images(
        connection=connection,
        bundle=lambda _: tmp_path / "bundle.tar.gz",
        cache=BlobCache(tmp_path / "cache"),
        stores=(),
        report=lambda _: None,
    )
    function = replace(a_function(mode), image_file=tmp_path / "image.tar")
    made = composed(function, connection, images)
    todo = deploy.init([function], connection, lambda _: None, images=images, dry_run=True)
    pushed = {
        change.desired.digest
        for change in todo.changes
        if isinstance(change, Create) and isinstance(change.desired, Image)
        if change.desired.name == function.repository
    }
    assert pushed == {made.digest}

"""``create_image: false``: a prebuilt image in ECR is validated and used unchanged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from scar.aws.images.image_builder import FunctionImageBuilder
from scar.aws.model.account import Account
from scar.fdl.model import BatchSpec
from scar.image.compose.tree_images import write_docker_archive
from scar.image.errors import ImageError
from scar.image.formats.blobs import Blob, BlobCache
from scar.image.formats.layer import LayerFile, build_layer
from scar.image.registry.push import push_image
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults
from tests.fakes.functions import changed, new_function
from tests.functional.local.registry.test_function_images import FakeEcr

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.image.formats.composed_image import ComposedImage
    from tests.functional.local.registry.conftest import Registry

ACCOUNT = Account("123456789012", "eu-west-1")
OWN = f"{ACCOUNT.registry}/own/tool:1"
RUN = ImageDefaults(command=("/bin/tool",))


@dataclass
class FakeAccount(FakeEcr):
    account: Account = ACCOUNT
    tags: list[dict[str, str]] = field(default_factory=list)

    def list_tags_for_resource(self, *, resourceArn: str) -> Any:  # noqa: ANN401, N803
        assert resourceArn == "arn:aws:ecr:eu-west-1:123456789012:repository/own/tool"
        return {"tags": self.tags}


@pytest.fixture
def account(registry: Registry) -> FakeAccount:
    return FakeAccount(registry.endpoint)


@pytest.fixture
def images(account: FakeAccount, tmp_path: Path) -> FunctionImageBuilder:
    data = build_layer({"opt/scar/launch": LayerFile(b"#!", 0o755)}).blob.data
    assert isinstance(data, bytes)
    (tmp_path / "bundle.tar.gz").write_bytes(data)
    return FunctionImageBuilder(
        connection=cast("AwsConnection", account),
        report=lambda _: None,
        cache=BlobCache(tmp_path / "cache"),
        image_stores=(),
        find_bundle=lambda _: tmp_path / "bundle.tar.gz",
    )


def configure(image: ImageDefaults) -> FunctionConfig:
    return FunctionConfig(name="f", mode=ExecutionMode.LAMBDA, state_bucket="s", image=image)


READY = new_function(name="f", image=OWN, create_image=False)


@pytest.fixture
def composed(images: FunctionImageBuilder, registry: Registry, tmp_path: Path) -> ComposedImage:
    """An image that was composed for the function and pushed as ``own/tool:1``."""
    write_docker_archive(tmp_path / "i.tar", "a:1", [{"bin/tool": LayerFile(b"x" * 600)}], RUN)
    digest = images.compose(new_function(name="f", image_file=tmp_path / "i.tar"), configure)
    made = images.composed_image(digest)
    push_image(made, registry.repository("own/tool"), lambda _: None, ("1",))
    return made


def test_a_composed_image_is_used_under_its_own_digest(
    images: FunctionImageBuilder, composed: ComposedImage
) -> None:
    assert images.compose(READY, configure) == composed.digest
    assert READY.repository == "own/tool"


def test_an_image_for_another_function_is_refused_with_what_differs(
    images: FunctionImageBuilder, composed: ComposedImage
) -> None:
    del composed
    with pytest.raises(ImageError, match="it differs in name, memory"):
        images.compose(READY, lambda image: replace(configure(image), name="g", memory=7))


def test_another_architecture_is_refused(
    images: FunctionImageBuilder, composed: ComposedImage
) -> None:
    del composed
    with pytest.raises(ImageError, match=r"is for linux/amd64; the function runs on\s+linux/arm64"):
        images.compose(changed(READY, architecture="arm64"), configure)


def test_an_image_without_the_supervisor_is_refused(
    images: FunctionImageBuilder, composed: ComposedImage, registry: Registry
) -> None:
    config = json.loads(cast("bytes", composed.config.data))
    config["config"]["Entrypoint"] = ["/bin/tool"]
    plain = remade(composed, config=Blob.from_bytes(json.dumps(config).encode()))
    push_image(plain, registry.repository("own/tool"), lambda _: None, ("1",))
    with pytest.raises(ImageError, match="does not start scar's supervisor"):
        images.compose(READY, configure)


def test_layers_that_lambda_does_not_take_are_refused(
    images: FunctionImageBuilder, composed: ComposedImage, registry: Registry
) -> None:
    kind = "application/vnd.oci.image.layer.v1.tar+zstd"
    push_image(remade(composed, kind=kind), registry.repository("own/tool"), lambda _: None, ("1",))
    with pytest.raises(ImageError, match="is not gzipped"):
        images.compose(READY, configure)


def test_an_index_is_refused(
    images: FunctionImageBuilder, composed: ComposedImage, registry: Registry
) -> None:
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"digest": composed.digest, "size": composed.manifest.size}],
    }
    blob = Blob.from_bytes(json.dumps(index).encode())
    registry.repository("own/tool").put_manifest(blob, str(index["mediaType"]), "1")
    with pytest.raises(ImageError, match="index of several images"):
        images.compose(READY, configure)


def test_an_image_elsewhere_is_refused(images: FunctionImageBuilder) -> None:
    other = changed(READY, image="123456789012.dkr.ecr.us-east-1.amazonaws.com/own/tool:1")
    with pytest.raises(ImageError, match="not in the registry of this account and Region"):
        images.compose(other, configure)


def test_instances_must_be_able_to_pull(
    images: FunctionImageBuilder, account: FakeAccount, composed: ComposedImage
) -> None:
    jobs = changed(READY, batch=BatchSpec())
    with pytest.raises(ImageError, match="could not pull"):
        images.compose(jobs, configure)
    account.tags.append({"Key": "scar:managed", "Value": "true"})
    assert images.compose(jobs, configure) == composed.digest


def remade(image: ComposedImage, config: Blob | None = None, kind: str = "") -> ComposedImage:
    """Return the image with another configuration, or another media type of its layers."""
    manifest = json.loads(cast("bytes", image.manifest.data))
    if config:
        manifest["config"] |= {"digest": config.digest, "size": config.size}
    for item in manifest["layers"]:
        item["mediaType"] = kind or item["mediaType"]
    changed = Blob.from_bytes(json.dumps(manifest).encode())
    return replace(image, manifest=changed, config=config or image.config)

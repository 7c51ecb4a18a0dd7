"""``scar plan`` says what changes in an image, with three requests per changed function."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.images.image_builder import FunctionImageBuilder
from scar.aws.images.image_changes import add_image_changes
from scar.aws.model.plan import Plan, Update
from scar.aws.model.resources import LambdaFunction
from scar.image.compose.function_image import compose_image
from scar.image.compose.tree_images import build_image
from scar.image.formats.base_image import BaseImage
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile, build_layer
from supervisor.config import config_to_json
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults
from tests.fakes.registries import FaultyRegistry, faulty_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.image.formats.composed_image import ComposedImage

RUN = ImageDefaults(command=("/bin/x",))
CONFIG = FunctionConfig(
    name="f", mode=ExecutionMode.LAMBDA, state_bucket="s", image=RUN, script="s.sh"
)


@dataclass
class EcrConnection:
    """A connection whose ECR is a registry on loopback."""

    endpoint: str

    def client(self, service: str) -> EcrConnection:
        assert service == "ecr"
        return self

    def get_authorization_token(self) -> dict[str, Any]:
        token = base64.b64encode(b"AWS:secret").decode()
        data = {"proxyEndpoint": self.endpoint, "authorizationToken": token}
        return {"authorizationData": [data]}


@pytest.fixture
def registry() -> Iterator[FaultyRegistry]:
    with faulty_registry() as registry:
        yield registry


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    data = build_layer({"opt/scar/launch": LayerFile(b"#!", 0o755)}).blob.data
    assert isinstance(data, bytes)
    (tmp_path / "bundle.tar.gz").write_bytes(data)
    return tmp_path / "bundle.tar.gz"


def composed(bundle: Path, script: bytes, content: bytes = b"x") -> ComposedImage:
    image = build_image([{"bin/x": LayerFile(content)}], RUN)
    assert isinstance(image.config.data, bytes)
    base = BaseImage(name="a", config=image.config.data, layers=image.layers)
    return compose_image(base, bundle, config_to_json(CONFIG), script)


def builder(registry: FaultyRegistry, folder: Path, image: ComposedImage) -> FunctionImageBuilder:
    connection: Any = EcrConnection(registry.endpoint)
    made = FunctionImageBuilder(
        connection=connection,
        find_bundle=lambda _: folder,
        cache=BlobCache(folder / "cache"),
        image_stores=(),
        report=lambda _: None,
    )
    made._composed[image.digest] = image
    return made


def plan_of(old: str, new: str) -> Plan:
    """Return an update of two functions with the same image, as retries of a plan have it."""
    changes = [
        Update(
            LambdaFunction(name=name, image=f"1.dkr.ecr/scar/f@{old}", memory=128),
            LambdaFunction(name=name, image=f"1.dkr.ecr/scar/f@{new}", memory=256),
        )
        for name in ("f", "g")
    ]
    return Plan(tuple(changes))


def test_the_plan_names_the_script_and_the_base_image_with_three_requests(
    registry: FaultyRegistry, tmp_path: Path, bundle: Path
) -> None:
    old, new = composed(bundle, b"#!1"), composed(bundle, b"#!2", b"y")
    registry.add_image(old)
    plan = add_image_changes(plan_of(old.digest, new.digest), builder(registry, tmp_path, new))
    assert registry.request_counts == {"GET manifests": 1, "GET blobs": 2}
    text = plan.format_by_function()
    assert "image: base image, script s.sh\n" in text
    assert "memory: 128 -> 256" in text
    assert old.digest[-8:] not in text
    (first, _) = json.loads(plan.to_json())["changes"]
    (image,) = [item for item in first["changed"] if item["name"] == "image"]
    assert image["parts"] == ["base image", "script s.sh"]
    assert image["before"].endswith(old.digest)
    assert not plan.notes


def test_the_function_layer_is_not_read_if_only_the_base_image_changes(
    registry: FaultyRegistry, tmp_path: Path, bundle: Path
) -> None:
    old, new = composed(bundle, b"#!1"), composed(bundle, b"#!1", b"y")
    registry.add_image(old)
    plan = add_image_changes(plan_of(old.digest, new.digest), builder(registry, tmp_path, new))
    assert registry.request_counts == {"GET manifests": 1, "GET blobs": 1}
    assert "image: base image\n" in plan.format_by_function()


def test_an_image_that_is_gone_leaves_the_digests_and_a_note(
    registry: FaultyRegistry, tmp_path: Path, bundle: Path
) -> None:
    old, new = composed(bundle, b"#!1"), composed(bundle, b"#!2")
    plan = add_image_changes(plan_of(old.digest, new.digest), builder(registry, tmp_path, new))
    text = plan.format_by_function()
    assert f"{old.digest[-8:]} -> " in text
    assert "(What changes in the image of scar/f: " in text
    assert registry.request_counts == {"GET manifests": 1}


def test_a_plan_without_a_changed_image_makes_no_request(
    registry: FaultyRegistry, tmp_path: Path, bundle: Path
) -> None:
    new = composed(bundle, b"#!2")
    same = plan_of(new.digest, new.digest)
    assert add_image_changes(same, builder(registry, tmp_path, new)) == same
    assert not registry.request_counts

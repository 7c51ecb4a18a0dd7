"""Images of functions: composed from a file, pushed to the registry that ECR returns."""

from __future__ import annotations

import base64
import tarfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError

from scar.aws.images.image_builder import FunctionImageBuilder
from scar.errors import ScarError
from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile, build_layer
from scar.local.registry.images import RegistryImageResolver
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults
from tests.fakes.functions import changed, new_function

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.local.http.messages import Request, Response
    from tests.functional.local.registry.conftest import Registry

RUN = ImageDefaults(command=("/bin/tool",), environment={"A": "1"})


@dataclass
class FakeEcr:
    endpoint: str
    mounting: str = "ENABLED"
    asked: int = 0

    def get_account_setting(self, *, name: str) -> dict[str, str]:
        assert name == "BLOB_MOUNTING"
        self.asked += 1
        if not self.mounting:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetAccountSetting")
        return {"name": name, "value": self.mounting}

    def client(self, service: str) -> FakeEcr:
        assert service == "ecr"
        return self

    def get_authorization_token(self) -> dict[str, list[dict[str, str]]]:
        token = base64.b64encode(b"AWS:secret").decode()
        return {
            "authorizationData": [{"authorizationToken": token, "proxyEndpoint": self.endpoint}]
        }


@pytest.fixture
def images(registry: Registry, tmp_path: Path) -> FunctionImageBuilder:
    layer_file = tmp_path / "bundle.tar.gz"
    data = build_layer({"opt/scar/launch": LayerFile(b"#!", 0o755)}).blob.data
    assert isinstance(data, bytes)
    layer_file.write_bytes(data)
    return FunctionImageBuilder(
        connection=cast("AwsConnection", FakeEcr(registry.endpoint)),
        report=lambda _: None,
        cache=BlobCache(tmp_path / "cache"),
        image_stores=(),
        find_bundle=lambda _: layer_file,
    )


def configure(image: ImageDefaults) -> FunctionConfig:
    assert image == RUN
    return FunctionConfig(
        name="f", mode=ExecutionMode.LAMBDA, state_bucket="s", script="run.sh", image=image
    )


def test_an_image_is_composed_once_pushed_and_found(
    images: FunctionImageBuilder, registry: Registry, tmp_path: Path
) -> None:
    write_docker_archive(tmp_path / "i.tar", "a:1", [{"bin/tool": LayerFile(b"x" * 600)}], RUN)
    (tmp_path / "run.sh").write_text("#!/bin/tool\n")
    function = new_function(
        name="f", image_file=tmp_path / "i.tar", init_script=tmp_path / "run.sh"
    )
    digest = images.compose(function, configure)
    assert images.compose(function, configure) == digest
    assert not images.holds("scar/f", digest)
    images.push("scar/f", digest)
    assert images.holds("scar/f", digest)
    found = RegistryImageResolver(registry.service.store).resolve(f"host.example/scar/f@{digest}")
    assert found.entrypoint == ("/opt/scar/launch",)
    assert len(found.layers) == 3


def test_a_file_of_the_extra_payload_is_in_the_last_layer_and_changes_nothing_else(
    images: FunctionImageBuilder, registry: Registry, tmp_path: Path
) -> None:
    write_docker_archive(tmp_path / "i.tar", "a:1", [{"bin/tool": LayerFile(b"x" * 600)}], RUN)
    (tmp_path / "run.sh").write_text("#!/bin/tool\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "data").write_text("extra")
    plain = new_function(name="f", image_file=tmp_path / "i.tar", init_script=tmp_path / "run.sh")
    found = []
    for function in (plain, changed(plain, extra_payload=tmp_path / "more")):
        digest = images.compose(function, configure)
        images.push("scar/f", digest)
        found.append(
            RegistryImageResolver(registry.service.store)
            .resolve(f"h.example/scar/f@{digest}")
            .layers
        )
    assert found[0][:-1] == found[1][:-1]
    with tarfile.open(found[1][-1].path) as archive:
        file = archive.extractfile("opt/scar/function/data")
        assert file is not None
        assert file.read() == b"extra"


def test_a_second_deployment_sends_nothing_and_a_new_script_one_layer_and_two_documents(
    images: FunctionImageBuilder,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[str, str]] = []
    handle = registry.service.handle

    def counted(request: Request) -> Response:
        calls.append((request.method, request.path.rpartition("/")[0].rpartition("/")[2]))
        return handle(request)

    monkeypatch.setattr(registry.service, "handle", counted)
    write_docker_archive(tmp_path / "i.tar", "a:1", [{"bin/tool": LayerFile(b"x" * 600)}], RUN)
    (tmp_path / "run.sh").write_text("#!/bin/tool\n")
    function = new_function(
        name="f", image_file=tmp_path / "i.tar", init_script=tmp_path / "run.sh"
    )
    digest = images.compose(function, configure)
    images.push("scar/f", digest)

    calls.clear()
    assert images.compose(function, configure) == digest
    assert images.holds("scar/f", digest)
    assert calls == [("HEAD", "manifests")]

    calls.clear()
    (tmp_path / "run.sh").write_text("#!/bin/tool\n#\n")
    images.push("scar/f", images.compose(function, configure))
    sent = Counter(call for call in calls if call[0] != "HEAD")
    assert sent == {("POST", "uploads"): 2, ("PUT", "uploads"): 2, ("PUT", "manifests"): 1}


@pytest.mark.parametrize(("mounting", "mounted"), [("ENABLED", 2), ("DISABLED", 0), ("", 0)])
def test_layers_are_mounted_from_another_repository_if_the_account_enables_it(
    images: FunctionImageBuilder,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mounting: str,
    mounted: int,
) -> None:
    store, done = registry.service.store, []
    mount = store.mount

    def counted(repository: str, digest: str, origin: str) -> bool:
        done.append((repository, origin))
        return mount(repository, digest, origin)

    monkeypatch.setattr(store, "mount", counted)
    ecr = FakeEcr(registry.endpoint, mounting)
    images.connection = cast("AwsConnection", ecr)
    write_docker_archive(tmp_path / "i.tar", "a:1", [{"bin/tool": LayerFile(b"x" * 600)}], RUN)
    (tmp_path / "run.sh").write_text("#!/bin/tool\n")
    function = new_function(
        name="f", image_file=tmp_path / "i.tar", init_script=tmp_path / "run.sh"
    )
    images.push("scar/f", images.compose(function, configure))
    (tmp_path / "run.sh").write_text("#!/bin/tool\n#\n")
    digest = images.compose(function, configure)
    images.push("scar/g", digest)
    assert done == [("scar/g", "scar/f")] * mounted
    assert ecr.asked == 1
    assert images.holds("scar/g", digest)


def test_a_script_that_cannot_be_read_is_named(
    images: FunctionImageBuilder, tmp_path: Path
) -> None:
    write_docker_archive(tmp_path / "i.tar", "a:1", [{"bin/tool": LayerFile(b"x" * 600)}], RUN)
    function = new_function(
        name="f", image_file=tmp_path / "i.tar", init_script=tmp_path / "gone.sh"
    )
    with pytest.raises(ScarError, match=r"gone\.sh cannot be read: No such file"):
        images.compose(function, configure)

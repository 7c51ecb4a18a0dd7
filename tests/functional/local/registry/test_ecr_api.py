"""ECR's calls about images, answered from the registry's folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.local.moto.calls import MotoCall
from scar.local.registry.ecr_api import EcrImageApi
from scar.local.registry.store import RegistryStore

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = b'{"mediaType": "application/vnd.oci.image.manifest.v1+json"}'


class StoreWithConcurrentPush(RegistryStore):
    """A store to which an image is pushed right after its manifests were listed."""

    def list_manifests(self, repository: str) -> list[str]:
        digests = super().list_manifests(repository)
        self.put_manifest(repository, MANIFEST, "new")
        return digests


def test_describe_images_does_not_fail_while_an_image_is_pushed(tmp_path: Path) -> None:
    api = EcrImageApi(StoreWithConcurrentPush(tmp_path), lambda _name, _region: True)
    call = MotoCall(
        service="ecr",
        operation="DescribeImages",
        region="us-east-1",
        parameters={"repositoryName": "scar/f"},
    )
    counts = []
    for _ in range(2):
        response = api.handle_call(call)
        assert response is not None
        assert isinstance(response.body, bytes)
        counts.append(len(json.loads(response.body)["imageDetails"]))
    assert counts == [0, 1]

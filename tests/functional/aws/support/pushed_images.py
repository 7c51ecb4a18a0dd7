"""A fake of ECR's image list: only the digests of the images exist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scar.aws.model import names

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages


class PushedImages:
    """Lets ECR list the pushed images; ``days`` is the age of each digest in days."""

    def __init__(self, connection: AwsConnection, images: FakeImages) -> None:
        self.days: dict[str, float] = {}
        self.untagged: list[str] = []
        self.images = images
        self.deleted: list[str] = []
        events = connection.client("ecr").meta.events
        events.register("before-parameter-build.ecr.DescribeImages", self._save_repository)
        events.register("after-call.ecr.DescribeImages", self._list_images)
        events.register("before-parameter-build.ecr.BatchDeleteImage", self._delete)

    @property
    def digests(self) -> set[str]:
        """Return the digests in the function's repository."""
        return self._of("scar/crop")

    def _of(self, repository: str) -> set[str]:
        return {d for name, d in self.images.pushed if name == repository} - {*self.deleted}

    def _save_repository(
        self, params: dict[str, Any], context: dict[str, Any], **_: object
    ) -> None:
        context["repository"] = params["repositoryName"]

    def _list_images(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        now = datetime.now(UTC)
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = now.strftime(
            "%a, %d %b %Y %H:%M:%S GMT"
        )
        parsed["imageDetails"] = [
            {
                "imageDigest": digest,
                "imageTags": [] if digest in self.untagged else [names.image_tag(digest)],
                "imagePushedAt": now - timedelta(days=self.days.get(digest, 0)),
            }
            for digest in sorted(self._of(context["repository"]))
        ]

    def _delete(self, params: dict[str, Any], **_: object) -> None:
        self.deleted += [each["imageDigest"] for each in params["imageIds"]]

"""ECR lists images that were never pushed: only their digests exist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scar.aws.model import names

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages


class Pushed:
    """Lets ECR tell of the images that were pushed, each so many days ago."""

    def __init__(self, connection: AwsConnection, images: FakeImages) -> None:
        self.days: dict[str, float] = {}
        self.untagged: list[str] = []
        self.images = images
        self.deleted: list[str] = []
        events = connection.client("ecr").meta.events
        events.register("before-parameter-build.ecr.DescribeImages", self._note)
        events.register("after-call.ecr.DescribeImages", self._tell)
        events.register("before-parameter-build.ecr.BatchDeleteImage", self._delete)

    @property
    def there(self) -> set[str]:
        """The digests in the function's repository."""
        return self._of("scar/crop")

    def _of(self, repository: str) -> set[str]:
        return {d for name, d in self.images.pushed if name == repository} - {*self.deleted}

    def _note(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["repository"] = params["repositoryName"]

    def _tell(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
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

"""One function of an FDL document, as the deployment uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import names

if TYPE_CHECKING:
    from scar.aws.model.resources import Pairs

    # Commands without an FDL file, such as rm, do not load pydantic.
    from scar.fdl.model import (
        ApiGatewaySpec,
        BatchSpec,
        CloudWatchSpec,
        EcrSpec,
        IamSpec,
        LambdaSpec,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function's settings that the deployment uses, and the values derived from them.

    The fields are sections of the FDL's model: a value has the FDL's name, type, unit and default.
    ``batch`` is None in the execution mode ``lambda``, ``endpoint`` without an HTTP endpoint.
    ``user_data`` is the text of the file ``batch.compute_resources.user_data``, and
    ``inline_policies`` are the names and texts of the files in ``iam.policies``, read before
    because the compiler reads no files.
    """

    lambda_: LambdaSpec
    iam: IamSpec
    cloudwatch: CloudWatchSpec
    ecr: EcrSpec
    batch: BatchSpec | None
    user_data: str = ""
    inline_policies: Pairs = ()
    endpoint: ApiGatewaySpec | None = None

    @property
    def name(self) -> str:
        return self.lambda_.name

    @property
    def repository(self) -> str:
        """The ECR repository of the image that scar builds, or of the prebuilt one."""
        if not self.lambda_.container.create_image:
            return names.parse_repository(self.lambda_.container.image)
        return names.repository_name(self.name, self.ecr.prefix)

    @property
    def image_name(self) -> str:
        """The name of the image, or of the image's file; empty if the function has no image."""
        container = self.lambda_.container
        return container.image or (container.image_file.name if container.image_file else "")

    @property
    def tags(self) -> Pairs:
        """The user's tags, for everything that belongs to the function alone or costs money."""
        return tuple(sorted((key, value) for key, value in self.lambda_.tags.items() if value))

    @property
    def buckets(self) -> tuple[str, ...]:
        """The S3 buckets that the function reads or writes."""
        storages = (*self.lambda_.input, *self.lambda_.output)
        return tuple(sorted({storage.bucket for storage in storages if storage.is_s3}))

    @property
    def read_buckets(self) -> tuple[str, ...]:
        """The S3 buckets with reference data, which scar does not create."""
        named = {path.partition("/")[0] for path in self.lambda_.reads}
        return tuple(sorted(named - set(self.buckets)))

    @property
    def needs_launch_template(self) -> bool:
        """Whether the jobs run on EC2 instances, whose metadata service it configures."""
        return self.batch is not None and not self.batch.compute_resources.is_fargate

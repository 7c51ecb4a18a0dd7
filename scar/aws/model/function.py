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
        StorageSpec,
    )
    from scar.hidden_text import HiddenText
    from supervisor.connections import ProviderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function's settings that the deployment uses, and the values derived from them.

    The fields are sections of the FDL's model: a value has the FDL's name, type, unit and default.
    ``batch`` is None in the execution mode ``lambda``, ``endpoint`` without an HTTP endpoint.
    ``user_data`` is the text of the file ``batch.compute_resources.user_data``, and
    ``inline_policies`` are the names and texts of the files in ``iam.policies``, read before
    because the compiler reads no files. ``providers`` are the stores other than the account's S3
    that it uses, and ``stored_secrets`` their secrets that the deployment stores, by the name of
    the parameter.
    """

    lambda_: LambdaSpec
    iam: IamSpec
    cloudwatch: CloudWatchSpec
    ecr: EcrSpec
    batch: BatchSpec | None
    user_data: str = ""
    inline_policies: Pairs = ()
    providers: tuple[ProviderConfig, ...] = ()
    stored_secrets: tuple[tuple[str, HiddenText], ...] = ()
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
    def account_inputs(self) -> tuple[StorageSpec, ...]:
        """The inputs in the account's S3, whose notifications start the function."""
        return self._in_account(self.lambda_.input)

    @property
    def other_inputs(self) -> tuple[StorageSpec, ...]:
        """The inputs on other stores, whose servers send the events."""
        own = self.account_inputs
        return tuple(storage for storage in self.lambda_.input if storage not in own)

    @property
    def account_outputs(self) -> tuple[StorageSpec, ...]:
        """The outputs in the account's S3."""
        return self._in_account(self.lambda_.output)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets of the account's S3 that the function reads or writes."""
        storages = (*self.account_inputs, *self.account_outputs)
        return tuple(sorted({storage.bucket for storage in storages}))

    @property
    def secret_references(self) -> tuple[str, ...]:
        """The references to secrets that scar does not store: they must exist."""
        stored = {f"ssm:{name}" for name, _ in self.stored_secrets}
        return tuple(sorted(self.read_secrets - stored))

    @property
    def read_secrets(self) -> frozenset[str]:
        """The references to all secrets that runs read, for the script and for stores."""
        of_stores = (text for p in self.providers for text in p.secrets.values())
        return frozenset((*self.lambda_.container.secrets.values(), *of_stores))

    def _in_account(self, storages: tuple[StorageSpec, ...]) -> tuple[StorageSpec, ...]:
        others = {provider.name for provider in self.providers}
        return tuple(
            storage
            for storage in storages
            if storage.storage_provider.partition(".")[0] == "s3"
            and storage.storage_provider not in others
        )

    @property
    def read_buckets(self) -> tuple[str, ...]:
        """The S3 buckets with reference data, which scar does not create."""
        named = {path.partition("/")[0] for path in self.lambda_.reads}
        return tuple(sorted(named - set(self.buckets)))

    @property
    def needs_launch_template(self) -> bool:
        """Whether the jobs run on EC2 instances, whose metadata service it configures."""
        return self.batch is not None and not self.batch.compute_resources.is_fargate

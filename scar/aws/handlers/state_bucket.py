"""The state bucket: its settings, and their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.account.buckets import read_encryption
from scar.aws.client import errors
from scar.aws.handlers.s3 import bucket_exists, create_bucket
from scar.aws.model.resources import StateBucket
from scar.aws.requests import state_bucket_lifecycle, tls_policy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        LifecycleRuleOutputTypeDef,
        ServerSideEncryptionByDefaultTypeDef,
        ServerSideEncryptionRuleTypeDef,
    )

_PUBLIC_ACCESS_SETTINGS = 4  # that block public access: old and new ACLs, old and new policies
_PARALLEL = 5


@dataclass(frozen=True, slots=True)
class StateBucketHandler:
    """One private bucket per account and Region; never deleted, since it holds the run records.

    S3 rejects changes of one bucket at the same time (OperationAborted), so its settings are set
    one after the other, and only those that differ: since 2023 new buckets are encrypted and
    block public access.
    """

    s3: S3Client
    region: str
    _created: set[str] = field(default_factory=set)

    def read(self, resource: StateBucket) -> StateBucket | None:
        if not bucket_exists(self.s3, resource.name):
            return None
        return self._read_settings(resource)[0]

    def _read_settings(
        self, resource: StateBucket
    ) -> tuple[StateBucket, list[LifecycleRuleOutputTypeDef]]:
        """Return the existing bucket with its settings, and all its lifecycle rules."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            lifecycle = pool.submit(self._read_lifecycle, resource.name)
            private = pool.submit(self._is_private, resource.name)
            algorithm = pool.submit(read_encryption, self.s3, resource.name)
            requires_tls = pool.submit(self._requires_tls, resource)
            days = state_bucket_lifecycle.read_days(lifecycle.result())
            found = StateBucket(
                name=resource.name,
                keep_days=days.runs,
                body_days=days.bodies,
                result_days=days.results,
                is_private=private.result(),
                # A KMS key that the user has set is reported as the desired encryption, so that
                # the plan does not replace it.
                encryption=algorithm.result()[0].replace("aws:kms", resource.encryption),
                requires_tls=requires_tls.result(),
            )
            return found, lifecycle.result()

    def create(self, resource: StateBucket) -> None:
        # The lock is in the bucket: it is created before the lock is acquired, without settings.
        if resource.name not in self._created:
            create_bucket(self.s3, resource.name, self.region)
            self._created.add(resource.name)
        if resource != StateBucket.without_settings(resource.name):
            observed, rules = self._read_settings(resource)
            self._change_settings(observed, resource, rules)

    def update(self, observed: StateBucket, desired: StateBucket) -> None:
        self._change_settings(observed, desired)

    def _change_settings(
        self,
        observed: StateBucket,
        desired: StateBucket,
        rules: list[LifecycleRuleOutputTypeDef] | None = None,
    ) -> None:
        """Change what differs; ``rules`` are the present lifecycle rules, read here if None."""
        if state_bucket_lifecycle.days_of(observed) != state_bucket_lifecycle.days_of(desired):
            self._set_expiration(desired, rules)
        if observed.is_private != desired.is_private:
            self._block_public_access(desired.name)
        if observed.encryption != desired.encryption:
            self._set_encryption(desired)
        if desired.requires_tls and not observed.requires_tls and self._uses_tls:
            policy = tls_policy.tls_policy(
                self._read_policy(desired.name), desired.name, self.s3.meta.partition
            )
            self.s3.put_bucket_policy(Bucket=desired.name, Policy=policy)

    @property
    def _uses_tls(self) -> bool:
        """Whether requests are sent with TLS: not to the local cloud, for instance."""
        return self.s3.meta.endpoint_url.startswith("https:")

    def _requires_tls(self, resource: StateBucket) -> bool:
        if not self._uses_tls:  # the policy would deny every request
            return resource.requires_tls
        policy = self._read_policy(resource.name)
        return tls_policy.requires_tls(policy, resource.name, self.s3.meta.partition)

    def _read_policy(self, bucket: str) -> str:
        try:
            return self.s3.get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError as error:
            if errors.error_code(error) == "NoSuchBucketPolicy":
                return ""
            raise

    def _block_public_access(self, bucket: str) -> None:
        self.s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )

    def _set_encryption(self, resource: StateBucket) -> None:
        default: ServerSideEncryptionByDefaultTypeDef = {"SSEAlgorithm": "AES256"}
        rule: ServerSideEncryptionRuleTypeDef = {"ApplyServerSideEncryptionByDefault": default}
        self.s3.put_bucket_encryption(
            Bucket=resource.name, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )

    def _is_private(self, bucket: str) -> bool:
        try:
            response = self.s3.get_public_access_block(Bucket=bucket)
        except ClientError as error:
            if errors.error_code(error) == "NoSuchPublicAccessBlockConfiguration":
                return False
            raise
        settings = response["PublicAccessBlockConfiguration"]
        return len(settings) == _PUBLIC_ACCESS_SETTINGS and all(settings.values())

    def delete(self, resource: StateBucket) -> None:
        del resource

    def _read_lifecycle(self, bucket: str) -> list[LifecycleRuleOutputTypeDef]:
        try:
            response = self.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        except ClientError as error:
            if errors.error_code(error) == "NoSuchLifecycleConfiguration":
                return []
            raise
        return response.get("Rules", [])

    def _set_expiration(
        self, resource: StateBucket, present: list[LifecycleRuleOutputTypeDef] | None
    ) -> None:
        if present is None:
            present = self._read_lifecycle(resource.name)
        rules = state_bucket_lifecycle.lifecycle_rules(resource, present)
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=resource.name, LifecycleConfiguration={"Rules": rules}
        )

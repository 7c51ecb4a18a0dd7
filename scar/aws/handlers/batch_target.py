"""The record in the state bucket that tells the failure handler where to submit a job."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.model.resources import BatchTargetRecord
from supervisor.config import function_config_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class BatchTargetRecordHandler:
    """Stores the record as one JSON object per function."""

    s3: S3Client

    def read(self, resource: BatchTargetRecord) -> BatchTargetRecord | None:
        try:
            response = self.s3.get_object(
                Bucket=resource.bucket, Key=function_config_key(resource.name)
            )
        except ClientError as error:
            if errors.error_code(error) in ("NoSuchKey", "NoSuchBucket"):
                return None
            raise
        # A damaged record is not equal to the desired one, and is written again.
        text = response["Body"].read().decode(errors="replace")
        return BatchTargetRecord(name=resource.name, bucket=resource.bucket, text=text)

    def create(self, resource: BatchTargetRecord) -> None:
        self.s3.put_object(
            Bucket=resource.bucket,
            Key=function_config_key(resource.name),
            Body=resource.text.encode(),
            ContentType="application/json",
        )

    def update(self, observed: BatchTargetRecord, desired: BatchTargetRecord) -> None:
        del observed
        self.create(desired)

    def delete(self, resource: BatchTargetRecord) -> None:
        with contextlib.suppress(self.s3.exceptions.NoSuchBucket):
            self.s3.delete_object(Bucket=resource.bucket, Key=function_config_key(resource.name))

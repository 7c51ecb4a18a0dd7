"""The specification of a cluster in the state bucket, and the records of its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import error_code, translate_errors
from scar.errors import ScarError
from supervisor.errors import RecordError
from supervisor.runs import cluster_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_s3 import S3Client

    from supervisor.runs.cluster_record import ClusterPath, ClusterSpec, MemberRecord


class ClusterExistsError(ScarError):
    """The function has a cluster of this name, or had one that was not stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStage:
    """Reads and writes the objects of one cluster; methods raise ScarError.

    The specification has the private key. It exists as long as the cluster: jobs that start later
    find none and end. What a manager leaves that was killed expires with the records of runs.
    """

    s3: S3Client
    bucket: str
    path: ClusterPath

    def write_spec(self, spec: ClusterSpec) -> None:
        """Store the specification; raise ClusterExistsError if there is one."""
        key = self.path.spec_key
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=spec.encode(), IfNoneMatch="*")
        except self.s3.exceptions.ClientError as error:
            if error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise ClusterExistsError(
                    f"{self.path.function} has a cluster {self.path.cluster} already.",
                    remedy="Choose another name, or stop it with `scar cluster stop`.",
                ) from error
            with translate_errors(f"write {key}"):
                raise

    def read_spec(self) -> ClusterSpec | None:
        """Return the specification, None if the cluster has ended."""
        found = self._read(self.path.spec_key)
        if found is None:
            return None
        try:
            return cluster_record.parse_spec(found, self.path.spec_key)
        except RecordError as error:
            raise ScarError(error.problem, remedy=error.remedy) from error

    def delete_spec(self) -> None:
        """Delete the specification and the private key in it."""
        with translate_errors(f"delete {self.path.spec_key}"):
            self.s3.delete_object(Bucket=self.bucket, Key=self.path.spec_key)

    def delete_scheduler_record(self) -> None:
        """Delete the record of an earlier cluster's scheduler: one with this name starts anew."""
        key = self.path.member_key(cluster_record.SCHEDULER)
        with translate_errors(f"delete {key}"):
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def read_scheduler(self) -> MemberRecord | None:
        """Return the record of the scheduler's job, None if it has not started."""
        key = self.path.member_key(cluster_record.SCHEDULER)
        found = self._read(key)
        if found is None:
            return None
        try:
            return cluster_record.parse_member(found, key)
        except RecordError as error:
            raise ScarError(error.problem, remedy=error.remedy) from error

    def _read(self, key: str) -> bytes | None:
        with translate_errors(f"read {key}"):
            try:
                return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                return None
            except self.s3.exceptions.ClientError as error:
                # A job's role cannot list this bucket without a prefix: S3 answers 403 for 404.
                if error_code(error) == "AccessDenied" and not self._exists(key):
                    return None
                raise

    def _exists(self, key: str) -> bool:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in listed.get("Contents", []))


def list_clusters(s3: S3Client, bucket: str, function: str) -> Sequence[str]:
    """Return the names of the clusters with a specification: those that were not stopped."""
    prefix = f"runs/{function}/{cluster_record.CLUSTERS}/"
    with translate_errors(f"list the clusters of {function}"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    found = (cluster_record.parse_spec_key(key) for key in keys)
    return sorted(path.cluster for path in found if path is not None)

"""Races of buckets."""

from __future__ import annotations

from scar.aws.client.races.race import TERRAFORM, Race, words

S3_RACES: tuple[Race, ...] = (
    Race(
        service="s3",
        operations=words("CreateBucket"),
        codes=words("OperationAborted"),
        state="S3 has not freed the name of the bucket yet, which was deleted before, or another"
        " program is creating it (OperationAborted)",
        remedy="S3 frees the name of a deleted bucket after minutes, at times after one to two"
        " hours: run the same command again then, or use another bucket name.",
        source=TERRAFORM + "s3/bucket.go; issues about buckets recreated after a deletion",
    ),
    Race(
        service="s3",
        excluded=words("PutObject CompleteMultipartUpload CopyObject DeleteObject DeleteObjects"),
        codes=words("OperationAborted"),
        state="S3 is still finishing an earlier change of the bucket (OperationAborted)",
        remedy="Run the same command again once no other program changes the bucket.",
        source="model: S3 error responses, OperationAborted; " + TERRAFORM + "s3",
    ),
    Race(
        service="s3",
        excluded=words("CreateBucket DeleteBucket"),
        codes=words("NoSuchBucket"),
        caused_by="bucket",
        parameter="Bucket",
        only_after_change=True,
        state="S3 does not see the new bucket everywhere yet (NoSuchBucket)",
        remedy="Run the same command again: another program may have deleted the bucket.",
        source=TERRAFORM + "s3",
    ),
    Race(
        service="s3",
        operations=words("HeadBucket"),
        codes=words("404"),  # a response to HEAD has no body, and therefore no other code
        caused_by="bucket",
        parameter="Bucket",
        only_after_change=True,
        state="S3 does not see the new bucket everywhere yet (404)",
        remedy="Run the same command again: another program may have deleted the bucket.",
        source=TERRAFORM + "s3",
    ),
)

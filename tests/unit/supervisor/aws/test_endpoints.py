"""Endpoints are those of the SDKs."""

from __future__ import annotations

import pytest
from botocore.session import Session

from supervisor.aws import endpoints
from supervisor.aws.request import Origin
from supervisor.errors import ConfigError

# The current regions of two partitions have other suffixes for S3's dual-stack names only.
REGIONS = [
    region
    for partition in ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b")
    for region in Session().get_available_regions("batch", partition_name=partition)
]


@pytest.mark.parametrize("service", ["s3", "batch"])
def test_hosts_are_those_that_boto3_uses(service: str) -> None:
    session = Session()
    for region in REGIONS:
        client = session.create_client(
            service, region, aws_access_key_id="a", aws_secret_access_key="b"
        )
        url = client.meta.endpoint_url
        client.close()
        # In us-east-1 botocore keeps S3's old global name; the regional one is the same.
        expected = url.replace("s3.amazonaws.com", "s3.us-east-1.amazonaws.com")
        assert str(endpoints.regional_endpoint(service, region)) == expected


def test_a_service_s_own_endpoint_comes_before_the_general_one() -> None:
    environ = {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_S3": "https://only/base/"}
    assert endpoints.custom_endpoint("s3", environ) == Origin("https", "only", 443, "/base")
    assert endpoints.custom_endpoint("batch", environ) == Origin("http", "all", 1)
    assert endpoints.custom_endpoint("s3", {}) is None


@pytest.mark.parametrize("url", ["localhost:1", "ftp://x", "http://", "http://h:99999", "http://["])
def test_an_invalid_endpoint_url_is_an_error_that_names_the_variable(url: str) -> None:
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL"):
        endpoints.custom_endpoint("s3", {"AWS_ENDPOINT_URL": url})


@pytest.mark.parametrize("rest", ["u:secret@h", "u@h:1/base", "h/?secret=1", "h#secret"])
@pytest.mark.parametrize("scheme", ["https", "ftp"])
def test_parts_of_an_endpoint_url_that_have_no_effect_are_refused(scheme: str, rest: str) -> None:
    with pytest.raises(ConfigError, match="would be ignored") as caught:
        endpoints.custom_endpoint("s3", {"AWS_ENDPOINT_URL": f"{scheme}://{rest}"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("bucket", "host", "prefix"),
    [
        ("data", "data.s3.eu-west-1.amazonaws.com", ""),
        ("my.data", "s3.eu-west-1.amazonaws.com", "/my.data"),
        ("Old_Bucket", "s3.eu-west-1.amazonaws.com", "/Old_Bucket"),
    ],
)
def test_bucket_names_are_part_of_the_host_where_possible(
    bucket: str, host: str, prefix: str
) -> None:
    assert endpoints.bucket_endpoint(bucket, "eu-west-1", {}) == (
        Origin("https", host, 443),
        prefix,
    )


def test_a_given_endpoint_is_addressed_by_path() -> None:
    found = endpoints.bucket_endpoint("data", "eu-west-1", {"AWS_ENDPOINT_URL": "http://[::1]:9"})
    assert found == (Origin("http", "::1", 9), "/data")
    assert found[0].authority == "[::1]:9"


@pytest.mark.parametrize("environ", [{}, {"AWS_REGION": ""}, {"AWS_REGION": "evil.example/"}])
def test_a_region_must_be_set_and_look_like_one(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="Region"):
        endpoints.read_region(environ)

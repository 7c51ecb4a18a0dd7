"""Functions over HTTP: curl and requests against HTTP APIs and function URLs of a local cloud."""

from __future__ import annotations

import concurrent.futures
import json
import os
import socket
import subprocess
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from scar.local.access_keys import AccessKeys
from tests.fakes.local_cloud import STATE, LocalCloudProcess, a_local_cloud, function
from tests.waiting import TIMEOUT, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.credentials import Credentials

REGION = "us-east-1"
ORIGIN = "https://www.example.com"
BINARY = bytes(range(256)) * 10
CAT = '#!/bin/sh\n[ ! -e "$INPUT_FILE_PATH" ] || cat "$INPUT_FILE_PATH"\n'
OPEN_URL: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("lambda:InvokeFunctionUrl", "*", {"FunctionUrlAuthType": "NONE"}),
    ("lambda:InvokeFunction", "*", {"InvokedViaFunctionUrl": True}),
)


class Address(NamedTuple):
    """The address of an endpoint, and the service that signed requests name."""

    url: str
    service: str


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    for started in a_local_cloud("process"):
        (started.folder / "cat.sh").write_text(CAT)
        started.deploy(function("run"), function("cat", script="cat.sh"))
        yield started


def keys_of(cloud: LocalCloudProcess) -> Credentials:
    keys = cloud.connection.session.get_credentials()
    assert keys is not None
    return keys


def client(cloud: LocalCloudProcess, service: Any) -> Any:  # noqa: ANN401 - one client type per service
    connection = cloud.connection
    return connection.session.client(service, endpoint_url=connection.endpoint_url)


def an_api(
    cloud: LocalCloudProcess,
    name: str,
    auth: str = "NONE",
    *,
    timeout: int = 30000,
    limits: dict[str, Any] | None = None,
    cors: dict[str, Any] | None = None,
    permission: bool = True,
) -> Address:
    gateway, lambda_ = client(cloud, "apigatewayv2"), client(cloud, "lambda")
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:{name}"
    api = gateway.create_api(Name=name, ProtocolType="HTTP", CorsConfiguration=cors or {})
    identity = api["ApiId"]
    integration = gateway.create_integration(
        ApiId=identity,
        IntegrationType="AWS_PROXY",
        IntegrationUri=arn,
        PayloadFormatVersion="2.0",
        TimeoutInMillis=timeout,
    )["IntegrationId"]
    gateway.create_route(
        ApiId=identity,
        RouteKey="$default",
        Target=f"integrations/{integration}",
        AuthorizationType=auth,
    )
    gateway.create_stage(
        ApiId=identity, StageName="$default", AutoDeploy=True, DefaultRouteSettings=limits or {}
    )
    if permission:
        lambda_.add_permission(
            FunctionName=name,
            StatementId=f"api-{identity}",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:123456789012:{identity}/*/$default",
        )
    return Address(api["ApiEndpoint"], "execute-api")


@pytest.fixture
def a_url(cloud: LocalCloudProcess) -> Iterator[Any]:
    """Yield a function that creates the URL of a function, which is deleted afterwards."""
    names = list[str]()

    def create(
        cloud: LocalCloudProcess, name: str, auth: str = "NONE", cors: dict[str, Any] | None = None
    ) -> Address:
        lambda_ = client(cloud, "lambda")
        names.append(name)
        url = lambda_.create_function_url_config(FunctionName=name, AuthType=auth, Cors=cors or {})
        for number, (action, principal, conditions) in enumerate(OPEN_URL):
            lambda_.add_permission(
                FunctionName=name,
                StatementId=f"url-{number}",
                Action=action,
                Principal=principal,
                **conditions,
            )
        return Address(url["FunctionUrl"], "lambda")

    yield create
    lambda_ = client(cloud, "lambda")  # of the server that runs now
    for name in names:
        lambda_.delete_function_url_config(FunctionName=name)
        for number in range(len(OPEN_URL)):
            lambda_.remove_permission(FunctionName=name, StatementId=f"url-{number}")


def curl(*arguments: str, data: bytes = b"") -> tuple[int, bytes]:
    """Return status and body."""
    marker = uuid.uuid4().hex
    command = ["curl", "--silent", "--max-time", "200", "-w", f"{marker}%{{http_code}}"]
    completed = subprocess.run(
        [*command, *arguments], input=data, capture_output=True, check=True, timeout=TIMEOUT
    )
    body, _, status = completed.stdout.rpartition(marker.encode())
    return int(status), body


def signed(
    cloud: LocalCloudProcess, address: Address, path: str = "", body: bytes = b""
) -> AWSRequest:
    request = AWSRequest("POST", address.url + path, data=body, headers={"x-test": "a  b"})
    SigV4Auth(keys_of(cloud), address.service, REGION).add_auth(request)
    return request


def send(request: AWSRequest, body: bytes | None = None) -> requests.Response:
    prepared = request.prepare()
    return requests.post(
        prepared.url, data=request.data if body is None else body, headers=dict(prepared.headers),
        timeout=TIMEOUT,
    )  # fmt: skip


@pytest.fixture(params=["api", "url"])
def iam(request: pytest.FixtureRequest, cloud: LocalCloudProcess, a_url: Any) -> Address:  # noqa: ANN401
    create = an_api if request.param == "api" else a_url
    address: Address = create(cloud, "cat", "AWS_IAM")
    return address


@pytest.fixture(params=["api", "url"])
def open_(request: pytest.FixtureRequest, cloud: LocalCloudProcess, a_url: Any) -> Address:  # noqa: ANN401
    create = an_api if request.param == "api" else a_url
    address: Address = create(cloud, "cat")
    return address


def test_curl_signs_requests(cloud: LocalCloudProcess, iam: Address) -> None:
    keys = keys_of(cloud)
    user = ("--user", f"{keys.access_key}:{keys.secret_key}")
    sigv4 = ("--aws-sigv4", f"aws:amz:{REGION}:{iam.service}")
    # As docs/endpoint-calls.md says, because old versions of curl sign what they are given.
    for path in ("", "some/path", "a-b?size=2&text=a%2Fb%20c&x="):
        assert curl(*sigv4, *user, "-d", "text", iam.url + path) == (200, b"text")
    wrong = ("--user", f"{keys.access_key}:wrong")
    assert curl(*sigv4, *wrong, "-d", "text", iam.url)[0] == 403
    other_service = ("--aws-sigv4", f"aws:amz:{REGION}:s3")
    assert curl(*other_service, *user, "-d", "text", iam.url)[0] == 403
    other_region = ("--aws-sigv4", f"aws:amz:eu-west-1:{iam.service}")
    assert curl(*other_region, *user, "-d", "text", iam.url)[0] == 403
    status, body = curl("-d", "text", iam.url)
    assert status == 403
    assert b"Forbidden" in body


def test_sdks_sign_requests(cloud: LocalCloudProcess, iam: Address) -> None:
    response = send(signed(cloud, iam, "a%20b/%C3%A9//c?q=1&p=x%2Fy", BINARY))
    assert (response.status_code, response.content) == (200, BINARY)
    query = urlencode({"z": "a/b c+d=é&*:", "a": "", "b c": "1"}, quote_via=quote, safe="")
    assert send(signed(cloud, iam, f"?{query}", BINARY)).content == BINARY
    # Signed as it is written, which AWS refuses too: it encodes the query before it compares.
    assert send(signed(cloud, iam, "?p=a/b")).status_code == 403
    assert send(signed(cloud, iam, body=b"text"), b"other").status_code == 403
    old = signed(cloud, iam)
    old.headers.replace_header("X-Amz-Date", "20200101T000000Z")
    assert send(old).status_code == 403
    unsigned = AWSRequest(
        "POST", iam.url, data=b"x", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    )
    SigV4Auth(keys_of(cloud), iam.service, REGION).add_auth(unsigned)
    assert send(unsigned).status_code == 403
    assert "X-Amz-Date" in signed(cloud, iam).headers


def test_a_presigned_address_is_valid_for_its_time(cloud: LocalCloudProcess, iam: Address) -> None:
    keys = keys_of(cloud)
    request = AWSRequest("GET", f"{iam.url}x")
    SigV4QueryAuth(keys, iam.service, REGION, expires=60).add_auth(request)
    url = str(request.prepare().url)
    assert requests.get(url, timeout=TIMEOUT).status_code == 200
    assert requests.get(url.replace("=60&", "=61&"), timeout=TIMEOUT).status_code == 403


def test_binary_data_both_ways(open_: Address) -> None:
    for kind in ("application/octet-stream", "text/plain", "image/png", ""):
        answer = curl("--data-binary", "@-", "-H", f"Content-Type: {kind}", open_.url, data=BINARY)
        assert answer == (200, BINARY)


def test_chunked_bodies_and_100_continue(open_: Address) -> None:
    chunked = ("-H", "Transfer-Encoding: chunked", "--data-binary", "@-")
    assert curl(*chunked, open_.url, data=BINARY) == (200, BINARY)
    expecting = ("-H", "Expect: 100-continue", "--data-binary", "@-")
    assert curl(*expecting, open_.url, data=BINARY) == (200, BINARY)


def test_head_has_no_body(open_: Address) -> None:
    response = requests.head(open_.url, timeout=TIMEOUT)
    assert (response.status_code, response.content) == (200, b"")


def test_bodies_above_the_limit_are_refused(open_: Address) -> None:
    body = b"\0" * (10 * 1024 * 1024 + 1)
    assert curl("--data-binary", "@-", "-H", "Expect:", open_.url, data=body)[0] == 413
    chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", "@-")
    assert curl(*chunked, open_.url, data=body)[0] == 413


def test_pages_of_other_sites_start_nothing(cloud: LocalCloudProcess, open_: Address) -> None:
    for headers in (
        ("-H", f"Origin: {ORIGIN}"),
        ("-H", "Host: evil.example"),
        ("-H", "Sec-Fetch-Site: cross-site"),
    ):
        assert curl(*headers, "-d", "text", open_.url)[0] == 403
    assert curl("-X", "OPTIONS", "-H", f"Origin: {ORIGIN}", open_.url)[0] == 403
    assert cloud.calls_left() == 0


def test_malformed_requests_do_not_stop_the_server(
    cloud: LocalCloudProcess, open_: Address
) -> None:
    host, port = urlsplit(open_.url).hostname, urlsplit(open_.url).port
    path = urlsplit(open_.url).path
    for head in (
        f"POST {path} HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        f"POST {path} HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        f"GET {path}{'a' * 20000} HTTP/1.1\r\n\r\n",
        f"GET {path}\x01 HTTP/1.1\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\nhalf",
    ):
        with socket.create_connection((host, port), timeout=TIMEOUT) as connection:
            connection.sendall(head.encode("latin-1"))
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1000)
        assert not answer or answer.split()[1].startswith(b"4"), (head[:60], answer)
    for path in ("../../data/secret", "%2e%2e/%2e%2e/x", "%00", "%ff%fe", ";&'\"$(id)"):
        assert curl("--path-as-is", "-d", "text", open_.url + path) == (200, b"text")
    assert client(cloud, "s3").list_buckets()["Buckets"]


def test_the_service_answers_preflight_requests(cloud: LocalCloudProcess, a_url: Any) -> None:  # noqa: ANN401
    cors = {"AllowOrigins": [ORIGIN], "AllowMethods": ["POST"], "AllowHeaders": ["x-a"]}
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "X-A",
    }
    for address in (an_api(cloud, "cat", cors=cors), a_url(cloud, "cat", cors=cors)):
        preflight = requests.options(address.url, headers=headers, timeout=TIMEOUT)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert preflight.headers["access-control-allow-methods"] == "POST"
        allowed = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}
        response = requests.post(address.url, b"text", headers=allowed, timeout=TIMEOUT)
        assert (response.status_code, response.content) == (200, b"text")
        assert response.headers["access-control-allow-origin"] == ORIGIN
        other = {"Origin": "https://other.example"}
        assert requests.post(address.url, b"t", headers=other, timeout=TIMEOUT).status_code == 403


def test_a_slow_function_continues_after_the_time_out_of_an_api(cloud: LocalCloudProcess) -> None:
    address = an_api(cloud, "run", timeout=50)
    go, done = cloud.folder / "go", cloud.folder / "done"
    os.mkfifo(go)
    status, body = curl("--data-binary", f"cat {go} > {done}", address.url)
    assert (status, json.loads(body)) == (503, {"message": "Service Unavailable"})
    go.write_text("went on")  # opens when the script reads
    assert until(lambda: done.exists() and done.read_text()) == "went on"


def test_two_calls_at_once_have_two_results(cloud: LocalCloudProcess, a_url: Any) -> None:  # noqa: ANN401
    address = a_url(cloud, "run")
    pipes = [cloud.folder / f"pipe-{number}" for number in range(2)]
    for pipe in pipes:
        os.mkfifo(pipe)
    # Each opens its own pipe when the other script reads it: they run at the same time.
    scripts = [f"echo 0 > {pipes[0]}; cat {pipes[1]}", f"cat {pipes[0]}; echo 1 > {pipes[1]}"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = pool.map(lambda script: curl("--data-binary", script, address.url), scripts)
        assert list(answers) == [(200, b"1\n"), (200, b"0\n")]


def test_throttling_by_the_stage_and_by_the_function(
    cloud: LocalCloudProcess, a_url: Any  # noqa: ANN401
) -> None:  # fmt: skip
    limits = {"ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 2}
    limited = an_api(cloud, "cat", limits=limits)
    assert [curl("-d", "x", limited.url)[0] for _ in range(3)] == [200, 200, 429]
    api, url = an_api(cloud, "cat"), a_url(cloud, "cat")
    lambda_ = client(cloud, "lambda")
    lambda_.put_function_concurrency(FunctionName="cat", ReservedConcurrentExecutions=0)
    try:
        assert (curl(api.url)[0], curl(url.url)[0]) == (503, 429)
    finally:
        lambda_.delete_function_concurrency(FunctionName="cat")


def test_without_permission_nothing_runs(cloud: LocalCloudProcess) -> None:
    api = an_api(cloud, "cat", permission=False)
    assert curl("-d", "x", api.url) == (500, b'{"message": "Internal Server Error"}')
    lambda_ = client(cloud, "lambda")
    url = lambda_.create_function_url_config(FunctionName="run", AuthType="NONE")["FunctionUrl"]
    assert curl("-d", "x", url)[0] == 403
    lambda_.delete_function_url_config(FunctionName="run")
    assert curl("-d", "x", url)[0] == 404


def test_a_role_may_invoke_what_its_policy_allows(cloud: LocalCloudProcess) -> None:
    run = client(cloud, "lambda")
    run.invoke(FunctionName="run", Payload=b"{}")  # its sandbox gets the credentials of the role
    issued = AccessKeys(cloud.control.home.load_secret()).credentials_for("lambda/run")
    role = cloud.connection.session.client(
        "lambda",
        endpoint_url=cloud.connection.endpoint_url,
        aws_access_key_id=issued.access_key,
        aws_secret_access_key=issued.secret_key,
        aws_session_token=issued.token,
    )
    name = run.get_function_configuration(FunctionName="run")["Role"].rpartition("/")[2]
    iam = client(cloud, "iam")
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:run"
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="self", PolicyDocument=policy)
    answer = role.invoke(FunctionName="run", InvocationType="Event", Payload=b"{}")
    assert answer["StatusCode"] == 202
    with pytest.raises(ClientError, match="AccessDeniedException"):
        role.invoke(FunctionName="cat", InvocationType="Event", Payload=b"{}")
    denied = {**statement, "Effect": "Deny"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement, denied]})
    iam.put_role_policy(RoleName=name, PolicyName="self", PolicyDocument=policy)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        role.invoke(FunctionName="run", InvocationType="Event", Payload=b"{}")
    iam.delete_role_policy(RoleName=name, PolicyName="self")


def test_presigned_uploads_have_the_size_that_was_signed(cloud: LocalCloudProcess) -> None:
    connection = cloud.connection
    s3 = connection.session.client(
        "s3", endpoint_url=connection.endpoint_url, config=Config(signature_version="s3v4")
    )
    key = f"requests/run/{uuid.uuid4().hex}"
    target = {"Bucket": STATE, "Key": key}
    url = s3.generate_presigned_url("put_object", {**target, "ContentLength": 4}, ExpiresIn=60)
    assert "content-length" in url
    for body in (b"tex", b"text2", b""):
        assert requests.put(url, body, timeout=TIMEOUT).status_code == 403
    assert curl("-T", "-", "-H", "Expect:", url, data=b"text")[0] == 403  # chunked
    assert requests.put(url, b"text", timeout=TIMEOUT).status_code == 200
    read = s3.generate_presigned_url("get_object", target, ExpiresIn=60)
    assert requests.get(read, timeout=TIMEOUT).content == b"text"
    changed = read.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    assert requests.get(changed, timeout=TIMEOUT).status_code == 403
    other = read.replace("requests/run/", "results/run/")
    assert requests.get(other, timeout=TIMEOUT).status_code == 403
    assert requests.delete(read, timeout=TIMEOUT).status_code == 403


def test_endpoints_survive_a_killed_server(cloud: LocalCloudProcess, a_url: Any) -> None:  # noqa: ANN401
    paths = [urlsplit(address.url).path for address in (an_api(cloud, "cat"), a_url(cloud, "cat"))]
    cloud.kill()
    cloud.start_again()
    for path in paths:
        assert curl("-d", "text", f"{cloud.connection.endpoint_url}{path}") == (200, b"text")

"""Requests to the HTTP endpoint of a function: signed by its deployment's user, or by nobody."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.acceptance.kit.targets import ROOT
from tests.conformance.engine_harness import unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.acceptance.kit.deployment import Deployment
    from tests.acceptance.kit.run import AcceptanceRun

Kind = Literal["http", "url"]
# The services that requests are signed for.
SERVICES: Mapping[str, str] = {"http": "execute-api", "url": "lambda"}
# A new address has to reach DNS, and API Gateway has to see Lambda's policy of the function.
FIRST_SECONDS = 300.0
REQUEST_SECONDS = 120.0
CURL_SECONDS = 300.0
DOCUMENT = ROOT / "docs" / "endpoint-calls.md"


@dataclass(frozen=True, slots=True)
class DeployedEndpoint:
    """The endpoint of one function of a deployment; ``url`` ends with a slash."""

    deployment: Deployment
    name: str
    kind: Kind
    url: str

    @classmethod
    def find(cls, deployment: Deployment, kind: Kind, number: int = 0) -> DeployedEndpoint:
        """Return the endpoint of a function of the file, as ``scar ls`` has it."""
        name = deployment.functions[number]["name"]
        listed = deployment.scar("ls", "-j").json()
        (url,) = [each["api_url"] for each in listed if each["name"] == name]
        return cls(deployment, name, kind, url)

    def send(
        self,
        data: bytes | None = None,
        path: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        is_signed: bool = True,
        method: str = "",
    ) -> requests.Response:
        """Send one request; redirections are not followed."""
        method = method or ("GET" if data is None else "POST")
        request = AWSRequest(method, self.url + path, headers=dict(headers or {}), data=data or b"")
        if is_signed:
            self._sign(request)
        return requests.request(
            method,
            self.url + path,
            data=data,
            headers=dict(request.headers),
            timeout=REQUEST_SECONDS,
            allow_redirects=False,
        )

    def until_it_answers(self, *, is_signed: bool = True) -> None:
        """Send requests until one is answered by the script, and record the time."""
        with self.deployment.run.timed(f"the endpoint answers ({self.kind})"):
            self.deployment.until(
                lambda: self._is_served(is_signed=is_signed), seconds=FIRST_SECONDS
            )

    def _is_served(self, *, is_signed: bool) -> bool:
        try:
            return self.send(b"x", is_signed=is_signed).status_code == 200
        except requests.ConnectionError:  # its name is not in DNS yet
            return False

    def _sign(self, request: AWSRequest) -> None:
        found = self._variables()
        token = found.get("AWS_SESSION_TOKEN")
        keys = Credentials(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], token)
        region = self.deployment.run.target.region
        SigV4Auth(keys, SERVICES[self.kind], region).add_auth(request)

    def _variables(self) -> dict[str, str]:
        return self.deployment.run.target.credentials(self.deployment.role)

    def run_documented(self, block: str, folder: Path) -> str:
        """Run a block of the page on calls in the folder; return what it prints."""
        for program in ("bash", "curl", "jq"):
            if shutil.which(program) is None:
                unavailable(f"{program} is not installed")
        command = _documented(block).replace("execute-api", SERVICES[self.kind])
        environment = {
            **self.deployment.run.target.environment(self.deployment.role),
            **self._variables(),
            "AWS_REGION": self.deployment.run.target.region,
            "ENDPOINT": self.url,
        }
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=CURL_SECONDS,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"the block {block} ended with status {done.returncode}: {done.stderr}")
        return done.stdout


def _documented(block: str) -> str:
    found = re.search(
        rf"^```sh {block}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, block
    return found[1]


def list_endpoint(run: AcceptanceRun, function: str) -> dict[str, Any]:
    """Return what Lambda and API Gateway have for a function's endpoint.

    ``apis`` is the number of its HTTP APIs, ``url`` who may call its function URL, and
    ``statements`` the ids in Lambda's policy that begin as those of endpoints do.
    """
    client = run.target.client("lambda")
    pages = run.target.client("apigatewayv2").get_paginator("get_apis").paginate()
    tags = [api.get("Tags", {}) for page in pages for api in page["Items"]]
    try:
        url = client.get_function_url_config(FunctionName=function)["AuthType"]
    except client.exceptions.ResourceNotFoundException:
        url = ""
    try:
        policy = client.get_policy(FunctionName=function)["Policy"]
    except client.exceptions.ResourceNotFoundException:
        policy = ""
    return {
        "apis": sum(each.get("scar:function") == function for each in tags),
        "url": url,
        "statements": sorted(re.findall(r'"Sid": ?"(scar-(?:api|url)[a-z-]*)"', policy)),
    }

"""Record the IAM permissions that API calls and registry requests need."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.iam_evaluation import IamRequest
from tests.fakes.iam_request_contexts import required_permissions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from botocore.model import OperationModel

    from scar.aws.client.connection import AwsConnection

_REGISTRY = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs/uploads|blobs)/")


@dataclass(slots=True)
class Recording:
    """The IAM requests of a session, in order; knows the permissions boundary of each role."""

    requests: list[IamRequest] = field(default_factory=list)
    _boundaries: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: AwsConnection) -> Recording:
        """Record the calls of every client that the session creates from now on."""
        recording = cls()
        connection.session.events.register_last("before-parameter-build", recording._record)
        return recording

    def _record(self, params: dict[str, Any], model: OperationModel, **_: object) -> None:
        self.record(model.service_model.service_name, model.name, params)

    def record(self, service: str, operation: str, params: dict[str, Any]) -> None:
        """Record what a call must be allowed; ``params`` are named as in the SDK."""
        role = params.get("RoleName", "")
        if operation in ("CreateRole", "PutRolePermissionsBoundary"):
            self._boundaries[role] = params.get("PermissionsBoundary", "")
        boundary = self._boundaries.get(role, "")
        for request in required_permissions(service, operation, params):
            known = {"iam:permissionsboundary": boundary} if boundary else {}
            self.requests.append(replace(request, context={**request.context, **known}))


def registry_permissions(requests: Iterable[tuple[str, str]], account: str) -> Iterator[IamRequest]:
    """Yield the permissions that requests to ECR's registry API need.

    ``account`` is the beginning of the ARNs.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    """
    actions = {
        ("HEAD", "manifests"): ("BatchGetImage",),
        ("GET", "manifests"): ("BatchGetImage",),
        ("PUT", "manifests"): ("PutImage",),
        ("HEAD", "blobs"): ("BatchCheckLayerAvailability",),
        ("GET", "blobs"): ("GetDownloadUrlForLayer",),
        ("POST", "blobs/uploads"): ("InitiateLayerUpload",),
        # The request that completes the upload contains the whole layer.
        ("PUT", "blobs/uploads"): ("UploadLayerPart", "CompleteLayerUpload"),
    }
    for method, path in requests:
        if match := _REGISTRY.match(path):
            for action in actions[method, match["kind"]]:
                yield IamRequest(f"ecr:{action}", f"{account}repository/{match['name']}")
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html
        for source in parse_qs(urlsplit(path).query).get("from", []):
            yield IamRequest("ecr:GetDownloadUrlForLayer", f"{account}repository/{source}")

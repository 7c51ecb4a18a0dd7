"""Clients of the SDK whose reads are direct requests, as far as ``scar ls`` needs them."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from scar.aws.client.direct.notification_xml import parse_notifications
from scar.aws.client.direct.requests import DirectRequestError, DirectRequests, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_Page = dict[str, Any]


class DirectClient:
    """The client that ``create`` makes, when something is used that this class does not have."""

    def __init__(self, requests: DirectRequests, create: Callable[[], Any]) -> None:
        self._requests, self._create = requests, create
        self._lock, self._created = threading.RLock(), None

    @property
    def sdk(self) -> Any:  # noqa: ANN401 - boto3 creates client classes at run time
        """The SDK's client."""
        with self._lock:
            if self._created is None:
                self._created = self._create()
            return self._created

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 any attribute of the client
        return getattr(self.sdk, name)


class _FunctionPages:
    """The paginator of ListFunctions."""

    def __init__(self, client: DirectLambda) -> None:
        self._client = client

    def paginate(self, **parameters: object) -> Iterable[_Page]:
        """Return all pages: those of an account are few. The SDK lists with parameters."""
        if not parameters:
            with suppress(DirectRequestError):
                return list(self._client.read_function_pages())
        sdk_pages = self._client.sdk.get_paginator("list_functions")
        pages: Iterable[_Page] = sdk_pages.paginate(**parameters)
        return pages


class DirectLambda(DirectClient):
    """Lists functions and their tags directly."""

    def get_paginator(self, operation_name: str, /) -> Any:  # noqa: ANN401
        if operation_name == "list_functions":
            return _FunctionPages(self)
        open_paginator = self.sdk.get_paginator
        return open_paginator(operation_name)

    def list_tags(self, *, Resource: str) -> _Page:  # noqa: N803
        try:
            body = self._requests.get("lambda", "ListTags", f"/2017-03-31/tags/{Resource}")
            return {"Tags": {}, **parse_json(body)}
        except DirectRequestError:
            found: _Page = self.sdk.list_tags(Resource=Resource)
            return found

    def read_function_pages(self) -> Iterator[_Page]:
        """Yield the pages of ListFunctions; raise DirectRequestError."""
        query: tuple[tuple[str, str], ...] = ()
        while True:
            page = parse_json(
                self._requests.get("lambda", "ListFunctions", "/2015-03-31/functions/", query)
            )
            yield {"Functions": [], **page}
            if not page.get("NextMarker"):
                return
            query = (("Marker", page["NextMarker"]),)


class DirectS3(DirectClient):
    """Reads notification configurations directly, of buckets of the caller's account."""

    def get_bucket_notification_configuration(self, *, Bucket: str, **others: str) -> _Page:  # noqa: N803
        if not others:
            try:
                body = self._requests.get(
                    "s3",
                    "GetBucketNotificationConfiguration",
                    f"/{Bucket}",
                    (("notification", ""),),
                )
                return parse_notifications(body)
            except DirectRequestError:
                pass
        found: _Page = self.sdk.get_bucket_notification_configuration(Bucket=Bucket, **others)
        return found


class DirectBatch(DirectClient):
    """Describes job queues and compute environments of known names directly."""

    def describe_job_queues(self, **parameters: Any) -> _Page:  # noqa: ANN401
        return self._describe("DescribeJobQueues", parameters)

    def describe_compute_environments(self, **parameters: Any) -> _Page:  # noqa: ANN401
        return self._describe("DescribeComputeEnvironments", parameters)

    def _describe(self, operation: str, parameters: Mapping[str, Any]) -> _Page:
        try:
            found: _Page = self._requests.post(
                "batch", operation, f"/v1/{operation.lower()}", parameters
            )
        except DirectRequestError:
            method = {
                "DescribeJobQueues": self.sdk.describe_job_queues,
                "DescribeComputeEnvironments": self.sdk.describe_compute_environments,
            }[operation]
            found = method(**parameters)
        return found


DIRECT_CLIENTS: Mapping[str, type[DirectClient]] = {
    "batch": DirectBatch,
    "lambda": DirectLambda,
    "s3": DirectS3,
}

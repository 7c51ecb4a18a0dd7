"""Read who the caller is, without the SDK."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.client.direct.repetition import send_repeatedly
from supervisor.aws.client import AwsClient
from supervisor.aws.errors import InvalidResponse
from supervisor.aws.request import AwsRequest
from supervisor.aws.retry import Backoff

if TYPE_CHECKING:
    from scar.aws.client.call_waits import CallWaits
    from scar.aws.client.direct.configuration import DirectConfiguration
    from supervisor.aws.client import AwsResponse
    from supervisor.aws.request import Origin

_ACCOUNT = re.compile(rb"<Account>(\d{12})</Account>")
_ARN = re.compile(rb"<Arn>(arn:[^<]+)</Arn>")


def read_identity(
    configuration: DirectConfiguration, endpoint: Origin, waits: CallWaits
) -> tuple[str, str]:
    """Return the account id and the ARN of the caller; raise the SDK's errors."""
    client = AwsClient(
        service="sts",
        region=configuration.region,
        credentials=configuration.credentials,
        connections=configuration.connections,
        backoff=Backoff(max_attempts=1),
        read_trace_id=lambda: "",
    )
    request = AwsRequest(
        method="POST",
        origin=endpoint,
        path="/",
        headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        body=b"Action=GetCallerIdentity&Version=2011-06-15",
    )

    def read() -> tuple[str, str]:
        return _parse_identity(client.send(request))

    return send_repeatedly(read, "GetCallerIdentity", waits=waits, url=str(endpoint))


def _parse_identity(response: AwsResponse) -> tuple[str, str]:
    account, arn = _ACCOUNT.search(response.body), _ARN.search(response.body)
    if account is None or arn is None:
        raise InvalidResponse("the response to GetCallerIdentity names no account")
    return account[1].decode(), arn[1].decode()

"""The lifecycle of a function with an HTTP endpoint, as a sequence of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.functional.aws.support.command_replay import function
from tests.functional.aws.support.scenarios import deploy_in_sequence

if TYPE_CHECKING:
    from tests.functional.aws.support.command_replay import Replay

CORS = {"allow_origins": ["https://example.org"]}
OPEN: dict[str, Any] = {"authentication": "NONE", "cors": CORS}


def with_endpoints(replay: Replay) -> None:
    """Change everything of an HTTP API, repair it, replace it by a function URL, and back."""
    replay.write_fdl(function(tags={"a": "1"}, api_gateway={"name": "one", **OPEN}))
    replay.scar("init", "-f", "FILE")
    change_api(replay)
    replay.scar("init", "-f", "FILE")
    replay.scar("ls")
    deploy_in_sequence(
        replay,
        function(tags={"b": "2"}, api_gateway={"name": "two", "throttling": {"rate": 5}}),
        function(api_gateway={"type": "url", **OPEN}),
        function(api_gateway={"type": "url"}),
        function(api_gateway={"name": "two"}),
    )


def change_api(replay: Replay) -> None:
    """Change an API as somebody may do by hand: another target, a further route, a tag."""
    client = replay.unrecorded.client("apigatewayv2")
    (page,) = client.get_paginator("get_apis").paginate()
    (api,) = page["Items"]
    (page,) = client.get_paginator("get_integrations").paginate(ApiId=api["ApiId"])
    (integration,) = page["Items"]
    own = {"ApiId": api["ApiId"], "IntegrationId": integration["IntegrationId"]}
    client.update_integration(**own, PayloadFormatVersion="1.0")
    arn = f"arn:aws:apigateway:eu-west-1::/apis/{api['ApiId']}"
    client.tag_resource(ResourceArn=arn, Tags={"scar:old": "1"})
    client.create_route(ApiId=api["ApiId"], RouteKey="GET /open", AuthorizationType="NONE")

"""List the parameters with the secrets of deployed functions' stores, without their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.aws.handlers.parameters import SecretParameterHandler
from scar.aws.model import names
from scar.aws.model.resources import LambdaFunction, SecretParameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import Resource


def list_stored_secrets(
    connection: AwsConnection, resources: Iterable[Resource], recorded: Iterable[str] = ()
) -> list[SecretParameter]:
    """Return the parameters of functions whose tags say that they have some; raise ScarError.

    ``recorded`` are further functions that have some, of unfinished deployments or removals. Not
    listed for other functions, for which the caller needs no permission for SSM.
    """
    tagged = {
        resource.name
        for resource in resources
        if isinstance(resource, LambdaFunction) and dict(resource.tags).get(names.SECRETS_TAG)
    } | {*recorded}
    if not tagged:
        return []
    handler = SecretParameterHandler(connection.client("ssm"))
    with translate_errors("list the parameters with the secrets of stores"):
        return [
            SecretParameter(name=name) for f in sorted(tagged) for name in handler.list_names(f)
        ]

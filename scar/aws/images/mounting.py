"""May a repository of the account take layers over from another one, without any bytes moved?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.errors import SDK_ERRORS

if TYPE_CHECKING:
    from scar.aws.client.connection import Connection

SETTING = "BLOB_MOUNTING"


def may_mount(connection: Connection) -> bool:
    """Ask for the account's setting; whoever may not know it uploads, which always works."""
    try:
        found = connection.client("ecr").get_account_setting(name=SETTING)
    except SDK_ERRORS:
        return False
    return found.get("value") == "ENABLED"

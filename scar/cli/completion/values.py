"""Complete the values of options.

A completion never writes a message, never starts the local cloud, and never takes longer than
``MAX_SECONDS``: the user's prompt waits for it. If the account cannot be read, nothing is
completed.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from scar.cli.session import Session
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary

MAX_SECONDS = 5.0
T = TypeVar("T")


def complete_function(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of the deployed functions that begin with the word."""
    del parameter
    return _matching((f.name for f in _list_functions(context)), incomplete)


def complete_scar4_function(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the names of the functions that SCAR 4 made and that begin with the word."""
    del parameter
    return _matching(
        _read_account(context, lambda s, account: s.services.list_scar4_functions(account)),
        incomplete,
    )


def complete_folder(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the folders of the deployed functions that begin with the word.

    For ``scar put`` those of inputs; for other commands also all buckets, with the folders in them.
    """
    del parameter
    is_read = context.info_name != "put"

    def read(session: Session, connection: AwsConnection) -> list[str]:
        functions = session.services.list_functions(connection)
        folders = {folder.path for f in functions for folder in f.inputs}
        if not is_read:
            return list(folders)
        buckets = {bucket for f in functions for bucket in f.buckets}
        bucket, slash, prefix = incomplete.partition("/")
        if slash and bucket in buckets:
            with suppress(ScarError):
                folders |= {*session.services.list_folders(connection, bucket, prefix)}
        return list(folders | buckets)

    return _matching(_read_account(context, read), incomplete)


def complete_profile(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the AWS profiles of this machine that begin with the word."""
    del context, parameter
    return _within_time(lambda: _matching(_list_profiles(), incomplete))


def complete_region(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the AWS Regions that the SDK knows and that begin with the word."""
    del context, parameter
    return _within_time(lambda: _matching(_list_regions(), incomplete))


def _list_functions(context: click.Context) -> Iterable[FunctionSummary]:
    return _read_account(
        context, lambda session, connection: session.services.list_functions(connection)
    )


def _read_account(
    context: click.Context, read: Callable[[Session, AwsConnection], Iterable[T]]
) -> list[T]:
    """Return what ``read`` finds in the account; nothing without a connection."""
    session = context.find_object(Session)
    if session is None:
        return []
    if session.local and session.services.local_cloud().find() is None:
        return []  # a completion starts no server
    # Not session.connect(), which writes a message and handles Ctrl-C.
    return _within_time(
        lambda: list(read(session, session.services.connect(session.connection_target())))
    )


def _within_time(read: Callable[[], list[T]]) -> list[T]:
    """Return what ``read`` returns in time; an empty list after an error, or if it takes longer."""
    found: list[T] = []

    def read_quietly() -> None:
        try:
            found.extend(read())
        except Exception:  # noqa: BLE001 a traceback would be written into the user's prompt
            return

    thread = threading.Thread(target=read_quietly, daemon=True)
    thread.start()
    thread.join(MAX_SECONDS)
    return [] if thread.is_alive() else found


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    # The shell writes them to the terminal: names with control characters are left out.
    return sorted(n for n in names if n.startswith(incomplete) and n.isprintable())


def _list_profiles() -> list[str]:
    from botocore.session import Session as SdkSession

    return list(SdkSession(session_vars={"profile": (None, None, None, None)}).available_profiles)


def _list_regions() -> list[str]:
    from botocore.session import Session as SdkSession

    return list(SdkSession().get_available_regions("lambda"))

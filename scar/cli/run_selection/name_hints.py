"""Explain a name that is no run: of a function, a folder, or a file without s3://."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session


@contextmanager
def explaining_names(
    session: Session, connection: AwsConnection, texts: Sequence[str], of_function: str
) -> Iterator[None]:
    """Say of a text that is no run if it is a function, an input folder or a file without s3://.

    ``of_function`` is what to write for a function: ``scar wait -n NAME``. Best effort: if the
    functions cannot be listed, the error remains what it was.
    """
    from scar.runs.lookup import InvalidRunIdError, InvalidUrlError, RunNotFoundError

    try:
        yield
    except (RunNotFoundError, InvalidRunIdError, InvalidUrlError) as error:
        functions: Sequence[FunctionSummary] = ()
        with suppress(ScarError):
            functions = session.services.list_functions(connection)
        for text in (one for one in texts if one in error.problem):
            if remedy := _explain_name(text, functions, of_function):
                raise type(error)(error.problem, remedy=remedy) from error
        raise


def _explain_name(text: str, functions: Sequence[FunctionSummary], of_function: str) -> str:
    """Return what a text is instead of a run, and what to write; empty if that is not known."""
    path = text.removeprefix("s3://").rstrip("/")
    buckets = {f.path.partition("/")[0] for one in functions for f in one.inputs}
    buckets.update(bucket for one in functions for bucket in one.buckets)
    for function in functions:
        if text == function.name:
            return f"{text} is a function: `{of_function.replace('NAME', text)}`."
    for function in functions:
        if any(f"{folder.path}/".startswith(f"{path}/") for folder in function.inputs):
            return (
                f"{path} is a folder: `scar ls -b {path}` lists its files, and `s3://{path}/FILE`"
                f" names one. All runs: `{of_function.replace('NAME', function.name)}`."
            )
    if remedy := _explain_other_store(text, functions, of_function):
        return remedy
    if not text.startswith("s3://") and "/" in path and path.partition("/")[0] in buckets:
        return f"Write a file with its bucket as s3://{path}."
    return ""


def _explain_other_store(text: str, functions: Sequence[FunctionSummary], of_function: str) -> str:
    """Return what to write for a text in an input on another store; empty if it is in none."""
    path = text.removeprefix("s3://").rstrip("/")
    for function in functions:
        for other in function.other_inputs:
            if other.has(text) or str(other).startswith(f"{path}/"):
                return (
                    f"Its place is the input {other} of {function.name}, which scar does not list."
                    f" Name a file as {other.provider}:BUCKET/KEY. All runs:"
                    f" `{of_function.replace('NAME', function.name)}`."
                )
    return ""

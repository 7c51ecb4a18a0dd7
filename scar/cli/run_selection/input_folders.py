"""Select the folders whose files ``scar run`` lists; explain those that it cannot list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.inventory.functions import FunctionSummary, InputFolder
    from scar.aws.model.other_inputs import OtherInput
    from scar.cli.session import Session


def select_input_folders(
    session: Session, function: FunctionSummary, input_bucket: str | None
) -> tuple[InputFolder, ...]:
    """Return the folders in S3: that of ``-ib``, else the function's; none for a single call.

    Raise UsageError if there are folders on other stores only; write a message about those beside
    folders in S3.
    """
    if input_bucket is not None:
        buckets = {*function.buckets, *(f.path.partition("/")[0] for f in function.inputs)}
        named = [one for one in function.other_inputs if one.has(input_bucket)]
        # A bucket in S3 may have the same name.
        if named and (":" in input_bucket.removeprefix("s3://") or named[0].bucket not in buckets):
            raise _not_listed(function.name, named)
        from scar.aws.inventory.functions import InputFolder

        return (InputFolder(input_bucket.removesuffix("/")),)
    if not function.other_inputs:
        return function.inputs
    if not function.inputs:
        raise _not_listed(function.name, function.other_inputs)
    session.terminal.write_message(
        f"{describe_places(function.other_inputs)} not listed: `scar run` lists folders in S3 only."
    )
    return function.inputs


def describe_places(inputs: Sequence[OtherInput]) -> str:
    """Return the folders as the subject of a sentence: ``minio.lab:photos/in is``."""
    return f"{', '.join(map(str, inputs))} {'is' if len(inputs) == 1 else 'are'}"


def require_files(count: int, folders: Sequence[InputFolder], function: str) -> None:
    """Raise UsageError if the folders have no files."""
    if folders and not count:
        places = ", ".join(map(str, folders))
        raise UsageError(
            f"There are no files in {places}.",
            remedy="Upload some with `scar put`."
            f" `scar invoke -n {function}` runs the function once, without a file.",
        )


def _not_listed(function: str, inputs: Sequence[OtherInput]) -> UsageError:
    stores = ", ".join(dict.fromkeys(one.provider for one in inputs))
    folders = ", ".join(dict.fromkeys(one.path for one in inputs))
    noun = "input" if len(inputs) == 1 else "inputs"
    return UsageError(
        f"The {noun} {folders} of {function} {'is' if len(inputs) == 1 else 'are'} on {stores},"
        " which `scar run` does not list: it lists folders in S3.",
        remedy="Put files there with a client of that server, such as `mc`: its events start"
        f" runs. For a file that is there, send its event: `scar invoke -n {function} -jd"
        " EVENT.json` (docs/storage.md has one).",
    )

"""How answers of functions are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.cli.output import count
from scar.errors import ScarError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.cli.session import Session
    from scar.runs.call import Answer


def show_answer(session: Session, function: str, answer: Answer, output: Path | None) -> None:
    """Write the script's output to stdout or the file; raise ScarError if it failed."""
    if output is not None:
        _write(output, answer.output)
        session.terminal.say(f"Output written to {output}")
    elif session.json:
        session.terminal.json(answer_row(function, answer))
    elif not answer.job:
        session.terminal.raw(answer.output)
    if answer.job:
        if not (session.json or output):
            session.terminal.data(f"Batch job {answer.job}")
        session.terminal.say(
            f"The run {answer.run} goes on in Batch: `scar log -n {function} -ri {answer.run}`."
        )
    require_success(function, answer)


def answer_row(function: str, answer: Answer) -> dict[str, object]:
    """Return the answer as JSON shows it."""
    return {
        "function": function,
        "request": answer.request,
        "status": answer.status,
        "run": answer.run,
        "job": answer.job,
        "output": answer.output.decode(errors="replace"),
    }


def require_success(function: str, answer: Answer) -> None:
    """Raise ScarError if the answer tells of a failure."""
    if answer.status >= 400:
        raise ScarError(
            f"{function} answered with status {answer.status}.",
            remedy=f"See `scar log -n {function} -ri {answer.request}`.",
        )


def show_queued(
    session: Session, function: str, requests: Sequence[str], first: Answer | None = None
) -> None:
    """Say what was handed to Lambda's queue, after the one call that was waited for."""
    if session.json:
        row = answer_row(function, first) if first else None
        session.terminal.json({"function": function, "first": row, "requests": list(requests)})
    else:
        for request in requests:
            session.terminal.data(request)
    session.terminal.say(
        f"Queued {count(len(requests), 'call')}; follow with `scar log -n {function}`."
    )


def require_place(path: Path | None) -> None:
    """Raise UsageError if an output cannot go there, before anything runs to make it."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        why = "is a folder" if path.is_dir() else f"cannot be made: there is no {path.parent}"
        raise UsageError(f"{path} {why}.", remedy="Check -o. Nothing was run.")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check -o."
        ) from error

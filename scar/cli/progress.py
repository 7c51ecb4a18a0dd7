"""Show the progress and the result of an upload or a download."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from scar.cli.formatting import escape_control_characters, format_count, format_size
from scar.errors import ScarError
from scar.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.cli.session import Session
    from scar.transfer.errors import IncompleteTransferError
    from scar.transfer.result import TransferProblem, TransferResult

MAX_NAME = 80  # characters of a file's or folder's name that are shown; JSON output has all
MAX_LINES = 10  # problems that are shown; JSON output has all


class TransferProgress:
    """Shows one transfer; ``done`` begins its last line: ``Uploaded`` or ``Downloaded``.

    ``item`` is what is counted, file or object; ``where`` completes "12 of 40 files are in …" and
    ``repeat`` says what the same command does after an interruption.
    """

    def __init__(self, session: Session, done: str, *, where: str, repeat: str) -> None:
        self.session = session
        self.done = done
        self.where = where
        self.repeat = repeat
        terminal = session.terminal
        show = terminal.show_progress if terminal.shows_progress else None
        self.meter = Meter(done.replace("ed", "ing"), show=show)

    @contextmanager
    def describing_interruption(self) -> Iterator[None]:
        """Say what was transferred when Ctrl-C or an error ends the block."""
        try:
            yield
        except KeyboardInterrupt:
            self.session.terminal.clear_progress()
            if not self.meter.counts.items:
                raise KeyboardInterrupt(f"nothing was {self.done.lower()}.") from None
            raise KeyboardInterrupt(f"{self._describe_state()} {self.repeat}") from None
        except ScarError:
            if self.meter.counts.items:
                self.session.terminal.write_message(self._describe_state())
            raise

    def _describe_state(self) -> str:
        counts = self.meter.counts
        number = f"{counts.items:,} of " if counts.is_total_final else ""
        total = counts.total_items if counts.is_total_final else counts.items
        verb = "is" if total == 1 else "are"
        return f"{number}{format_count(total, 'file')} {verb} in {self.where}."

    def finish(self, result: TransferResult, more: Mapping[str, object] | None = None) -> None:
        """Write the totals to stderr, with JSON output also to stdout.

        ``more`` are further members of the JSON document. Raise IncompleteTransferError if there
        are problems.
        """
        terminal, problems = self.session.terminal, result.problems
        if self.session.json:
            document: dict[str, object] = {"files": result.files, "bytes": result.size}
            failed = [{"name": p.name, "reason": p.reason} for p in problems]
            terminal.write_json(
                document | ({"failed": failed} if failed else {}) | dict(more or {})
            )
        terminal.write_message(
            f"{self.done} {format_count(result.files, 'file')}, {format_size(result.size)}"
            f" to {self.where}"
        )
        if problems:
            raise self._incomplete(result)

    def _incomplete(self, result: TransferResult) -> IncompleteTransferError:
        from scar.transfer.errors import IncompleteTransferError

        lines = [f"  {_format_problem(problem)}" for problem in result.problems[:MAX_LINES]]
        hidden = len(result.problems) - MAX_LINES
        if hidden > 0:
            lines.append(f"  and {hidden:,} more (-j lists all)")
        what = format_count(len(result.problems), "file")
        verb = "was" if len(result.problems) == 1 else "were"
        return IncompleteTransferError(
            f"{what} {verb} not {self.done.lower()}, or not as found:\n" + "\n".join(lines),
            remedy="All others were. Correct the cause, and repeat the command for these alone."
            if result.files_without_problem
            else "Correct the cause, and repeat the command.",
        )


def _format_problem(problem: TransferProblem) -> str:
    """Return a problem on one line; long names, which the reason repeats, are cut in the middle."""
    name, reason = problem.name, problem.reason
    # Part by part: the reason may have another path that ends in the same names.
    for part in name.split("/"):
        short = shorten_middle(part, MAX_NAME)
        name, reason = name.replace(part, short), reason.replace(part, short)
    short = shorten_middle(name, 2 * MAX_NAME)
    name, reason = short, reason.replace(name, short)
    return f"{escape_control_characters(name)}: {escape_control_characters(reason)}"


def shorten_middle(text: str, length: int) -> str:
    """Return the text, or its start and end with ``…`` between, at most ``length`` characters."""
    if len(text) <= length:
        return text
    start = length // 2
    return f"{text[:start]}…{text[len(text) - (length - start - 1) :]}"

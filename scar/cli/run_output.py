"""Show runs: those that a command has started or cancelled, lists with details, log lines."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.cli.formatting import escape_control_characters, format_count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from scar.cli.session import Session
    from scar.runs.ledger import Run
    from scar.runs.run_details import RunDetail

_HEAD = ("STARTED (UTC)", "STATE", "FUNCTION", "FILE", "TOOK", "WHERE", "RUN")
_FILE, _RUN = _HEAD.index("FILE"), _HEAD.index("RUN")
_SHORT_FILE, _LONG_RUN, _SHORT_RUN = 16, 20, 8  # columns on a narrow terminal
_GAP = 2


def show_runs(
    session: Session,
    runs: Sequence[tuple[Run, str]],
    verb: str,
    arrays: Mapping[str, str] | None = None,
) -> None:
    """Write the runs with their request or job ids, and a summary that begins with ``verb``.

    ``arrays`` are array jobs, or children of them, with the ids of their jobs.
    """
    named = arrays or {}
    if session.json:
        listed = [{"array": name, "id": job} for name, job in named.items()]
        listed += [{"run": str(run.path), "id": id_} for run, id_ in runs]
        session.terminal.write_json(listed)
    else:
        for name, job in named.items():
            session.terminal.write_data(f"{name}  {job}")
        for run, id_ in runs:
            session.terminal.write_data(f"{run.path}  {id_}".rstrip())
    children = sum(":" in name for name in named)
    parts = {"array job": len(named) - children, "child job": children, "run": len(runs)}
    counts = [format_count(number, what) for what, number in parts.items() if number]
    session.terminal.write_message(f"{verb} {' and '.join(counts) or '0 runs'}.")


def show_details(
    session: Session, details: Sequence[RunDetail], removed: Collection[str], now: float
) -> None:
    """Write a table of runs, and below it what to know about some of them.

    On a terminal it fits the width: file names are cut in the middle, and run ids at the end,
    where every command accepts the start of an id.
    """
    terminal = session.terminal
    rows = [_row(detail, removed, now) for detail in details]
    if sys.stdout.isatty():
        rows = _fit(rows, shutil.get_terminal_size().columns)
    terminal.write_table(_HEAD, rows, alignment="llllrll")
    notes = [(row[_RUN], d) for row, d in zip(rows, details, strict=True) if d.note]
    if notes:
        terminal.write_data("")
    for name, detail in notes:
        terminal.write_text(f"{name}  {detail.run.state}: {detail.note}")


def format_log_lines(messages: Iterable[str], told: str = "") -> Iterator[str]:
    """Yield log lines as `scar logs` shows them, safe for a terminal.

    A line of the supervisor whose message is part of ``told`` is left out: the text of the error
    that is shown beside them, and says the same.
    """
    from scar.runs.logs import format_message, parse_supervisor_line

    for message in messages:
        text = str(parse_supervisor_line(message).get("message", ""))
        if text and text in told:
            continue
        for line in format_message(message).splitlines() or [""]:
            yield escape_control_characters(line)


def detail_to_json(detail: RunDetail) -> dict[str, object]:
    """Return the JSON form of one run in a list."""
    run = detail.run
    return {
        "function": run.path.function,
        "run": run.path.run_id,
        "date": run.path.date,
        "state": run.state.value,
        "started": to_datetime(detail.started),
        "changed": to_datetime(run.changed_at),
        "file": detail.file,
        "direct": detail.is_direct,
        "seconds": detail.seconds,
        "service": detail.service,
        "attempts": detail.attempts,
        "note": detail.note,
        **({"unsubmitted": True} if run.is_unsubmitted else {}),
    }


def to_datetime(seconds: float) -> datetime | None:
    """Return epoch seconds as a time; None for 0."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def cut_middle(text: str, width: int) -> str:
    """Return the text in ``width`` characters: its middle is replaced by one that says so."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3  # the end of a file's name says more than the bucket
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def _row(detail: RunDetail, removed: Collection[str], now: float) -> tuple[str, ...]:
    from scar.meter import format_duration
    from scar.runs.run_details import DIRECT_CALL

    run = detail.run
    function = run.path.function
    attempts = f" ({detail.attempts})" if detail.attempts > 1 else ""
    file = DIRECT_CALL if detail.is_direct else detail.file
    return (
        _format_start(detail.started, now),
        run.state.value,
        f"{function} (removed)" if function in removed else function,
        escape_control_characters(file),
        "" if detail.seconds is None else format_duration(detail.seconds),
        f"{detail.service}{attempts}",
        run.path.run_id,
    )


def _format_start(seconds: float, now: float) -> str:
    """Return the time, with the day if it is not today's."""
    started, today = (datetime.fromtimestamp(s, UTC) for s in (seconds, now))
    if started.date() == today.date():
        return f"{started:%H:%M:%S}"
    return f"{started:%Y-%m-%d %H:%M}"


def _fit(rows: Sequence[tuple[str, ...]], columns: int) -> list[tuple[str, ...]]:
    """Return the rows with shorter files and run ids, if they are wider than ``columns``."""
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    others = sum(w for place, w in enumerate(widths) if place not in (_FILE, _RUN))
    free = columns - others - _GAP * (len(widths) - 1)
    run = min(widths[_RUN], _LONG_RUN if free - _LONG_RUN >= _SHORT_FILE else _unique_length(rows))
    file = max(_SHORT_FILE, free - run)
    if widths[_FILE] + widths[_RUN] <= free:
        return list(rows)
    return [
        (*row[:_FILE], cut_middle(row[_FILE], file), *row[_FILE + 1 : _RUN], row[_RUN][:run])
        for row in rows
    ]


def _unique_length(rows: Sequence[tuple[str, ...]]) -> int:
    """Return how many characters distinguish the run ids of these rows."""
    ids = {row[_RUN] for row in rows}
    longest = max(map(len, ids), default=_SHORT_RUN)
    for length in range(_SHORT_RUN, longest):
        if len({id_[:length] for id_ in ids}) == len(ids):
            return length
    return longest

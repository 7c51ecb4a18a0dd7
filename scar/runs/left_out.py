"""What a run uploaded, and what it left behind, in one sentence.

``done.json`` has ``left_out``: the entries of the output folder that were not uploaded, by reason.
Records of earlier releases do not have it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# By reason: the noun, and what is said after the number.
_REASONS: dict[str, tuple[str, str]] = {
    "unmatched": ("file", "did not match {expected}"),
    "outside": ("link", "that {leaves} the run's folders"),
    "dangling": ("link", "to a file that does not exist"),
    "loop": ("link", "that {leads} in a circle"),
    "special": ("entry", "that {is_} no file (socket, FIFO or device)"),
}
# Headers of a function's response: the number of uploaded files, and the entries as JSON.
OUTPUTS_HEADER, LEFT_OUT_HEADER = "x-scar-outputs", "x-scar-left-out"
MADE_NOTHING = "made nothing"
_EXAMPLES = 3  # names that are shown


def describe_outputs(done: Mapping[str, object], *, is_direct: bool) -> str:
    """Return what to know about the outputs of a done run; empty if there is nothing to say.

    A direct invocation answers with its output: that it uploads nothing is said only if it left
    something behind.
    """
    return describe_upload(done.get("outputs"), done.get("left_out"), is_direct=is_direct)


def describe_upload(uploaded: object, left_out: object, *, is_direct: bool) -> str:
    """Return the same for the number or list of uploaded outputs, and the left out entries."""
    reasons = "; ".join(_describe_entries(left_out))
    if not uploaded and uploaded is not None and (reasons or not is_direct):
        return f"{MADE_NOTHING}: {reasons}" if reasons else MADE_NOTHING
    return f"not uploaded: {reasons}" if reasons else ""


def describe_superseded(done: Mapping[str, object]) -> str:
    """Return why a run ended without starting its script."""
    if done.get(record_format.INPUT_ABSENT):
        return "its input file did not exist, or was deleted before the run"
    return "superseded by a newer upload of its input file"


def describe_headers(headers: object, *, is_direct: bool) -> str:
    """Return the same for the headers of a function's response; damaged ones say nothing."""
    if not isinstance(headers, dict):
        return ""
    number, text = str(headers.get(OUTPUTS_HEADER, "")), str(headers.get(LEFT_OUT_HEADER, ""))
    try:
        left_out: object = json.loads(text) if text else None
    except ValueError:
        left_out = None
    uploaded = int(number) if number.isascii() and number.isdigit() else None
    return describe_upload(uploaded, left_out, is_direct=is_direct)


def _describe_entries(value: object) -> Iterator[str]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("count"), int):
            yield _describe_entry(entry, entry["count"])


def _describe_entry(entry: Mapping[str, object], count: int) -> str:
    # An unknown reason is one of another release, or damaged: it is shown, and is no template.
    noun, rest = _REASONS.get(str(entry.get("reason")), ("file", "({reason})"))
    is_one = count == 1
    plural = "entries" if noun == "entry" else f"{noun}s"
    text = rest.format(
        reason=entry.get("reason"),
        expected=entry.get("expected") or "the function's outputs",
        leaves="leaves" if is_one else "leave",
        leads="leads" if is_one else "lead",
        is_="is" if is_one else "are",
    )
    examples = entry.get("examples")
    shown = _list_examples(examples, count) if isinstance(examples, list) else ""
    return f"{count:,} {noun if is_one else plural} {text}{shown}"


def _list_examples(examples: Sequence[object], count: int) -> str:
    names = [str(name) for name in examples[:_EXAMPLES]]
    more = ", …" if names and count > len(names) else ""
    return f" ({', '.join(names)}{more})" if names else ""

"""Rules against infinite loops: functions that start themselves or each other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from scar.fdl.cycles import FolderIndex, can_trigger, find_cycles_through

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.fdl.model import AwsFunction, LambdaSpec, StorageProviders, StorageSpec
    from scar.fdl.problems import Location

LocatedProblem = tuple["Location", str]


def check_cycles(
    functions: Sequence[tuple[int, AwsFunction]], providers: StorageProviders
) -> Iterator[LocatedProblem]:
    """Check for functions that start each other in an infinite loop.

    A function that starts itself is checked in ``storage``.
    """
    numbers = {f.lambda_.name: number for number, f in functions}
    specs = {f.lambda_.name: f.lambda_ for _, f in functions}
    inputs = FolderIndex(
        (((providers.store_of(source), source.bucket), source.folder), (name, source))
        for name, spec in specs.items()
        for source in spec.input
    )
    starts = {
        name: {
            other
            for output in spec.output
            for other, source in inputs.find_near(
                ((providers.store_of(output), output.bucket), output.folder)
            )
            if other != name and _triggers_input(output, source, providers)
        }
        for name, spec in specs.items()
        if not spec.allow_loop
    }
    for cycle in find_cycles_through(starts, starts):
        folders = ", ".join(
            _find_folder_between(specs[one], specs[other], providers)
            for one, other in pairwise((*cycle, cycle[0]))
        )
        yield (
            ("functions", "aws", numbers[cycle[0]], "lambda", "output"),
            (
                f"{' -> '.join((*cycle, cycle[0]))}: each starts the next, in an infinite loop"
                f" (through {folders}); choose other folders, or set allow_loop: true for each of"
                " them to allow it"
            ),
        )


def _find_folder_between(spec: LambdaSpec, other: LambdaSpec, providers: StorageProviders) -> str:
    """Return the first output folder of a function that starts another one, else empty text."""
    return next(
        (o.path for o in spec.output if any(_triggers_input(o, i, providers) for i in other.input)),
        "",
    )


def find_self_trigger(
    spec: LambdaSpec, output: StorageSpec, providers: StorageProviders
) -> StorageSpec | None:
    """Return the input that would be triggered by the output; None if that is allowed."""
    if spec.allow_loop:
        return None
    return next(
        (source for source in spec.input if _triggers_input(output, source, providers)), None
    )


def describe_self_trigger(output: StorageSpec, source: StorageSpec) -> str:
    if output.folder.startswith(source.folder):
        return (
            f"outputs in {output.path} would start the function again: its input is {source.path}"
        )
    return (
        f"outputs can start the function again: {output.path} contains its input {source.path}, and"
        " a script can write to every folder inside its output folder"
    )


def _triggers_input(output: StorageSpec, source: StorageSpec, providers: StorageProviders) -> bool:
    return providers.store_of(output) == providers.store_of(source) and can_trigger(
        (output.bucket, output.folder),
        output.suffix,
        (source.bucket, source.folder),
        "".join(source.suffix[:1]),
        prefixes=output.prefix,
    )

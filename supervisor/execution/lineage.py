"""Where a run's input comes from, in the metadata of objects: what bounds loops of functions.

Every output carries the first run of its chain (root), the number of runs so far (hops), the
functions of the chain, and a budget: how many repeated runs may still come of this one output.

- **Depth.** A chain of more than ``max_hops`` runs fails.
- **Breadth.** A run of a function that is in the chain already is a repeat, and needs a budget of
  at least 1. A run divides its budget, less 1, among its outputs. So one upload causes at most
  ``MAX_REPEATS`` repeats, however many outputs each run has. The first run of each function in a
  chain needs no budget: a workflow without loops is never limited, whatever its width.

Another attempt of the same run divides the same budget again. If the script then writes other
names than before, both sets of outputs exist, and their budgets add up.

A caller who may upload an object chooses its metadata. Values that this module does not write
count as none: the object is a root with the full budget, as it would be without metadata. So a
crafted object can only shorten its own chain, or claim what every upload has: a new chain. It
cannot raise a budget above that of an upload, and has no effect on the chains of other objects.

Stores without user metadata (some WebDAV servers) end a chain: their objects are roots. No loop can
come of that, as no such store starts functions; MinIO, which does, has metadata.

Pure functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import ChainTooLong, OutputError
from supervisor.execution.outputs import HOPS_KEY, ROOT_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supervisor.model import FunctionConfig, InputRule, ObjectRef

CHAIN_KEY, BUDGET_KEY = "scar-chain", "scar-budget"
MAX_REPEATS = 1000
# Of S3's 2 KB of user metadata, 64 hashes and their separators are 831 bytes.
MAX_FUNCTIONS = 64
_FUNCTION_HASH = r"[0-9a-f]{12}"
_PATTERNS = {
    ROOT_KEY: re.compile(r"[A-Za-z0-9_-]{1,64}/\d{4}-\d\d-\d\d/[A-Za-z0-9._-]{1,128}", re.ASCII),
    HOPS_KEY: re.compile(r"[0-9]{1,4}"),
    CHAIN_KEY: re.compile(rf"{_FUNCTION_HASH}(\.{_FUNCTION_HASH}){{0,{MAX_FUNCTIONS - 1}}}"),
    BUDGET_KEY: re.compile(r"[0-9]{1,4}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What an object's metadata says about its origin; the defaults are those of an upload.

    ``root`` is a run's path, empty if there is no earlier run; ``functions`` are hashes.
    """

    root: str = ""
    hops: int = 0
    functions: tuple[str, ...] = ()
    budget: int = MAX_REPEATS


def parse_lineage(metadata: Mapping[str, str]) -> Lineage:
    """Return an object's lineage; that of an upload if any of its values is not valid."""
    found = {key: metadata[key] for key in _PATTERNS if metadata.get(key)}
    if not all(_PATTERNS[key].fullmatch(text) for key, text in found.items()):
        return Lineage()
    budget = int(found.get(BUDGET_KEY, MAX_REPEATS))
    if budget > MAX_REPEATS:
        return Lineage()
    return Lineage(
        root=found.get(ROOT_KEY, ""),
        hops=int(found.get(HOPS_KEY, 0)),
        functions=tuple(found[CHAIN_KEY].split(".")) if CHAIN_KEY in found else (),
        budget=budget,
    )


def check_chain(lineage: Lineage, config: FunctionConfig, source: ObjectRef) -> None:
    """Raise ChainTooLong if the function may not run on this object."""
    if lineage.hops >= config.max_hops:
        raise ChainTooLong(
            f"{source} is the result of a chain of {lineage.hops} runs; {config.max_hops} are"
            " allowed.",
            remedy="Check whether outputs of a function return to its own input folder. The limit"
            " holds with allow_loop too: upload the result again to start a new chain.",
        )
    if _is_repeat(lineage, config) and lineage.budget < 1:
        raise ChainTooLong(
            f"{source} is the result of a loop: {config.name} has run before in its chain, and the"
            f" {MAX_REPEATS} repeated runs that one upload may cause are used up or were divided"
            f" among too many outputs (root: {lineage.root or 'unknown'}).",
            remedy="Check whether outputs of a function return to its own input folder, more than"
            " one per run. The limit holds with allow_loop too: write fewer outputs in the loop,"
            " or upload the result again to start a new chain.",
        )


def describe_outputs(
    lineage: Lineage, config: FunctionConfig, run: str, targets: Sequence[ObjectRef]
) -> list[Mapping[str, str]]:
    """Return the lineage metadata of each output of the run, in the order of ``targets``.

    Raise OutputError for outputs in the function's own input, unless ``allow_loop`` is set: S3
    would start the function again for each of them.
    """
    returning = [_find_own_input(target, config) for target in targets]
    for target, rule in zip(targets, returning, strict=True):
        if rule and not config.allow_loop:
            raise OutputError(
                f"The output {target} would start {config.name} again: it is in the function's own"
                f" input {_describe_input(rule)}. Nothing was uploaded.",
                remedy="Write it to another folder, or exclude it with prefix or suffix of the"
                " output in the FDL. If the loop is intended, set allow_loop: true.",
            )
    count = sum(map(bool, returning))
    own, other = divide_budget(lineage.budget, returning=count, others=len(targets) - count)
    shared = {
        ROOT_KEY: lineage.root or run,
        HOPS_KEY: str(lineage.hops + 1),
        CHAIN_KEY: ".".join(_add_function(lineage, config)),
    }
    of_own, of_other = {**shared, BUDGET_KEY: str(own)}, {**shared, BUDGET_KEY: str(other)}
    return [of_own if rule else of_other for rule in returning]


def divide_budget(budget: int, *, returning: int, others: int) -> tuple[int, int]:
    """Return the budget of each output that starts the function again, and of each other one.

    All budgets together are less than ``budget``. Outputs that certainly cause a repeat have
    seven eighths of it: a loop of one file still turns until ``max_hops`` if it writes hundreds
    of results elsewhere.
    """
    left = max(budget - 1, 0)
    reserved = left if not returning else left // 8 if others else 0
    return (
        (left - reserved) // returning if returning else 0,
        reserved // others if others else 0,
    )


def _is_repeat(lineage: Lineage, config: FunctionConfig) -> bool:
    # A full list cannot show that a function is new.
    functions = lineage.functions
    return _hash_function(config) in functions or len(functions) >= MAX_FUNCTIONS


def _add_function(lineage: Lineage, config: FunctionConfig) -> tuple[str, ...]:
    if _is_repeat(lineage, config):
        return lineage.functions
    return (*lineage.functions, _hash_function(config))


def _hash_function(config: FunctionConfig) -> str:
    # The state bucket's name has account and Region: functions elsewhere may have the same name.
    identity = f"{config.state_bucket}/{config.name}"
    import hashlib  # not at the start: it loads OpenSSL, 3 ms

    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _find_own_input(target: ObjectRef, config: FunctionConfig) -> InputRule | None:
    """Return the function's input rule that the output matches; None if there is none."""
    store = config.store_name(target.provider)
    return next(
        (
            rule
            for rule in config.inputs
            if config.store_name(rule.provider) == store and rule.matches(target.bucket, target.key)
        ),
        None,
    )


def _describe_input(rule: InputRule) -> str:
    suffix = f" (suffix {rule.suffix})" if rule.suffix else ""
    return f"{rule.bucket}/{rule.folder}{rule.prefix}{suffix}"

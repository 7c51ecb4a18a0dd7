"""Read SCAR's words outside ``functions.aws``: OSCAR's part, and storage providers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.fdl.scar_words.word import Treatment, Word, not_used, refused, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.problems import Location

_OSCAR_ONLY = (
    "there are functions of OSCAR only, which scar does not deploy: use OSCAR's own tools, or write"
    " functions for AWS here"
)
_COPY = "copy the files to a store that scar knows, such as S3"
WORDS: Mapping[Location, Word] = {
    ("functions", "aws"): same(),
    ("functions", "oscar"): not_used(
        "functions of OSCAR clusters are OSCAR's; scar deploys those of `functions.aws`"
    ),
    ("scar",): not_used("these are options of the command line"),
    ("storages",): refused("write the stores in `storage_providers`, by kind and name"),
    **{("storage_providers", kind): same() for kind in ("s3", "minio", "onedata", "webdav")},
    ("storage_providers", "rucio"): refused(f"Rucio is not supported; {_COPY}"),
    ("storage_providers", "dcache"): refused(
        "dCache speaks WebDAV: write the store in `storage_providers.webdav`, and `webdav.<name>`"
    ),
}
"""The keys of a file; ``storages`` is from before SCAR 4.0.

Kinds of stores are refused only if a function on AWS uses them.
"""

# Of a function in SCAR 3, of which it has at least one.
_OLD_KEYS = {"image", "image_file", "name", "init_script", "run_script", "lambda", "container"}
_TOP_WORDS = ("scar", "storages")
_FUNCTION_LIST = "is a list, as in SCAR before 4.0: write `functions: {aws: [{lambda: {name: …}}]}`"
_FUNCTION_NAMES = (
    "has functions by name, as in SCAR 3: write `functions: {aws: [{lambda: {name: NAME, container:"
    " {image: IMAGE}}}]}`, here NAME is "
)
_Problems = tuple[tuple["Location", str], ...]


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A file without SCAR's words; ``unused`` are the places of those that have no effect."""

    data: dict[str, Any]
    unused: tuple[Location, ...] = ()
    problems: _Problems = ()


def read_words(data: Mapping[str, Any]) -> ReadDocument:
    """Read the words of a file. A file of OSCAR's functions alone has a problem."""
    unused: list[Location] = [(key,) for key in ("scar",) if key in data]
    problems: list[tuple[Location, str]] = []
    kept = {key: value for key, value in data.items() if key not in _TOP_WORDS}
    if "storages" in data:
        problems.append((("storages",), f"there is no such key; {WORDS['storages',].text}"))
    functions = kept.get("functions")
    if isinstance(functions, list):
        problems.append((("functions",), _FUNCTION_LIST))
    if names := _named_functions(functions):
        problems.append((("functions", "aws"), f"{_FUNCTION_NAMES}{', '.join(names)}"))
        kept["functions"] = {}
    if isinstance(functions, dict) and "oscar" in functions:
        kept["functions"] = {k: v for k, v in functions.items() if k != "oscar"}
        if not functions.get("aws"):
            problems.append((("functions", "aws"), _OSCAR_ONLY))
        elif functions["oscar"]:
            unused.append(("functions", "oscar"))
    used = dict(_find_providers(kept))
    providers = kept.get("storage_providers")
    if isinstance(providers, dict):
        has_other_part = kept.get("functions") != functions
        kinds, more_unused, more = _read_providers(providers, set(used.values()), has_other_part)
        kept["storage_providers"] = kinds
        unused += more_unused
        problems += more
    problems += _find_unknown_stores(used)
    return ReadDocument(kept, tuple(unused), tuple(problems))


def _named_functions(functions: object) -> list[str]:
    """Return the names of functions in SCAR 3's form, which has a key for each."""
    if not isinstance(functions, dict) or functions.keys() & {"aws", "oscar"}:
        return []
    are_functions = all(isinstance(f, dict) and f.keys() & _OLD_KEYS for f in functions.values())
    return [str(name) for name in functions] if are_functions else []


def reason_of(location: Location) -> str:
    """Return why a key of the file has no effect."""
    word = WORDS[location]
    return "no function on AWS uses it" if word.treatment is Treatment.REFUSED else word.text


def is_refused_if_used(location: Location) -> bool:
    """Return whether a key is refused only if a function on AWS uses it, else accepted, not used.

    These are the kinds of stores that scar cannot use.
    """
    return location[0] == "storage_providers" and WORDS[location].treatment is Treatment.REFUSED


def provider_kind(provider: str) -> str:
    """Return the kind of a store, ``s3`` for ``S3.mine``."""
    return provider.partition(".")[0].lower()


def _find_unknown_stores(used: Mapping[Location, str]) -> Iterator[tuple[Location, str]]:
    for at, provider in used.items():
        word = WORDS.get(("storage_providers", provider_kind(provider)))
        if word and word.treatment is Treatment.REFUSED:
            yield at, f"{provider!r} cannot be used: {word.text}"


def _find_providers(data: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    """Yield where functions on AWS name a store, and its name as it is written."""
    functions = data.get("functions")
    entries = functions.get("aws") if isinstance(functions, dict) else None
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        spec = entry.get("lambda") if isinstance(entry, dict) else None
        for key in ("input", "output"):
            items = spec.get(key) if isinstance(spec, dict) else None
            for index, item in enumerate(items if isinstance(items, list) else [items]):
                provider = item.get("storage_provider") if isinstance(item, dict) else None
                if isinstance(provider, str):
                    at: Location = ("functions", "aws", number, "lambda", key, index)
                    yield (*at, "storage_provider"), provider


def _read_providers(
    providers: Mapping[str, Any], used: set[str], has_other_part: bool
) -> tuple[dict[str, Any], list[Location], list[tuple[Location, str]]]:
    """Return the stores for the model, places of unused kinds, and problems.

    With functions of OSCAR in the file, stores that only those use are left out.
    """
    kept: dict[str, Any] = {}
    unused: list[Location] = []
    problems: list[tuple[Location, str]] = []
    used = {f"{provider_kind(name)}.{name.partition('.')[2]}" for name in used}
    for kind, stores in providers.items():
        at: Location = ("storage_providers", str(kind))
        word = WORDS.get(at)
        if word and word.treatment is Treatment.REFUSED:
            if not any(provider_kind(name) == kind for name in used):
                unused.append(at)
        elif isinstance(stores, list):
            problems.append((at, _describe_list(kind, stores)))
        elif has_other_part and isinstance(stores, dict):
            if theirs := {n: store for n, store in stores.items() if f"{kind}.{n}" in used}:
                kept[kind] = theirs
        else:
            kept[kind] = stores
    return kept, unused, problems


def _describe_list(kind: str, stores: list[Any]) -> str:
    """Return what to write instead of a list, SCAR's form before 4.0."""
    name = next((s["name"] for s in stores if isinstance(s, dict) and s.get("name")), "my_store")
    keys = "access_key and secret_key, without auth" if kind in ("s3", "minio") else "keys"
    return (
        f"must have the names of stores below it, not a list: write `{kind}: {{{name}: {{…}}}}`,"
        f" with the store's {keys} below its name"
    )

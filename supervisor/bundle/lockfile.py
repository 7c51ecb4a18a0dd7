"""``packages.lock``: the version of every Debian package in a bundle.

One JSON object: architecture → package → version, SHA-256, path in Debian's pool, and the source
package for the licence notice. The mirror is the machine's own, so the lock names no host.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeAlias

from supervisor.bundle.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_STANZA_FIELD = re.compile(r"^(Package|Version|Source|Filename|SHA256): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One file of a mirror; ``source`` and ``source_version`` are its source package."""

    name: str
    version: str
    sha256: str
    path: str
    source: str
    source_version: str


PackageLock: TypeAlias = dict[str, dict[str, LockedPackage]]


def load(path: Path) -> PackageLock:
    """Read the lock; raise BundleError if it does not exist or is invalid."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        return {
            architecture: {
                name: LockedPackage(name=name, **fields) for name, fields in packages.items()
            }
            for architecture, packages in whole.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path} cannot be read: {error}.",
            remedy="Restore it from the repository, or create it with `make bundle-lock`.",
        ) from error


def dump(lock: Mapping[str, Mapping[str, LockedPackage]]) -> str:
    """Return the lock as sorted JSON, one value per line, so that diffs are readable."""
    whole = {
        architecture: {
            package.name: {k: v for k, v in asdict(package).items() if k != "name"}
            for package in packages.values()
        }
        for architecture, packages in lock.items()
    }
    return json.dumps(whole, indent=1, sort_keys=True) + "\n"


def parse_stanzas(text: str) -> list[LockedPackage]:
    """Parse the output of ``apt-cache show``."""
    packages = []
    for part in text.split("\n\n"):
        fields: dict[str, str] = dict(_STANZA_FIELD.findall(part))
        if not {"Package", "Version", "Filename", "SHA256"} <= fields.keys():
            continue  # an installed package that the mirror no longer has
        source, _, version = fields.get("Source", fields["Package"]).partition(" ")
        packages.append(
            LockedPackage(
                name=fields["Package"],
                version=fields["Version"],
                sha256=fields["SHA256"],
                path=fields["Filename"],
                source=source,
                source_version=version.strip("()") or fields["Version"],
            )
        )
    return packages


def describe_missing_versions(
    packages: Iterable[LockedPackage], available: Iterable[LockedPackage]
) -> list[str]:
    """Return a line for each version that is no longer available, with the available ones."""
    lines = []
    candidates = list(available)
    for package in packages:
        versions = dict.fromkeys(
            candidate.version for candidate in candidates if candidate.name == package.name
        )
        if package.version not in versions:
            others = ", ".join(versions) or "nothing"
            lines.append(f"{package.name} {package.version} (available: {others})")
    return lines


def find_replaced_files(
    packages: Iterable[LockedPackage], available: Iterable[LockedPackage]
) -> list[str]:
    """Return the versions for which only other files are available: Debian never does that."""
    files: dict[tuple[str, str], set[str]] = {}
    for candidate in available:
        files.setdefault((candidate.name, candidate.version), set()).add(candidate.sha256)
    return [
        f"{package.name} {package.version}"
        for package in packages
        if package.sha256 not in files.get((package.name, package.version), {package.sha256})
    ]


def describe_changes(old: PackageLock, new: PackageLock) -> list[str]:
    """Return the changes of a new lock, one line per package and architecture."""
    lines = []
    for architecture in sorted(old.keys() | new.keys()):
        before, after = old.get(architecture, {}), new.get(architecture, {})
        for name in sorted(before.keys() | after.keys()):
            was, now = before.get(name), after.get(name)
            if was != now:
                left, right = (each.version if each else "none" for each in (was, now))
                lines.append(f"{architecture} {name}: {left} → {right}")
    return lines

"""Which version of every Debian package a bundle is made of: ``packages.lock``.

One JSON object: architecture → package → version, SHA-256, path in Debian's pool and the source
package, for the licences' sake. Mirrors are the machine's own, so no host is named.
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
    """One file of a mirror; ``source`` and ``source_version`` name what it was built from."""

    name: str
    version: str
    sha256: str
    path: str
    source: str
    source_version: str


PackageLock: TypeAlias = dict[str, dict[str, LockedPackage]]


def load(path: Path) -> PackageLock:
    """Read the lock; raise BundleError if there is none or it makes no sense."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        return {
            architecture: {
                name: LockedPackage(name=name, **about) for name, about in packages.items()
            }
            for architecture, packages in whole.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path} cannot be read: {error}.",
            remedy="Take it from the repository, or make a new one with `make bundle-lock`.",
        ) from error


def dump(lock: Mapping[str, Mapping[str, LockedPackage]]) -> str:
    """Write the lock as text, sorted, a line per fact, so that changes read well."""
    whole = {
        architecture: {
            package.name: {k: v for k, v in asdict(package).items() if k != "name"}
            for package in packages.values()
        }
        for architecture, packages in lock.items()
    }
    return json.dumps(whole, indent=1, sort_keys=True) + "\n"


def parse_stanzas(text: str) -> list[LockedPackage]:
    """Read what ``apt-cache show`` prints."""
    found = []
    for part in text.split("\n\n"):
        fields: dict[str, str] = dict(_STANZA_FIELD.findall(part))
        if not {"Package", "Version", "Filename", "SHA256"} <= fields.keys():
            continue  # a package that is installed and no longer offered has no file
        source, _, version = fields.get("Source", fields["Package"]).partition(" ")
        found.append(
            LockedPackage(
                name=fields["Package"],
                version=fields["Version"],
                sha256=fields["SHA256"],
                path=fields["Filename"],
                source=source,
                source_version=version.strip("()") or fields["Version"],
            )
        )
    return found


def describe_missing_versions(
    wanted: Iterable[LockedPackage], offered: Iterable[LockedPackage]
) -> list[str]:
    """Say of every wanted version that is not offered any more what is offered instead."""
    said = []
    offers = list(offered)
    for package in wanted:
        versions = dict.fromkeys(offer.version for offer in offers if offer.name == package.name)
        if package.version not in versions:
            others = ", ".join(versions) or "nothing"
            said.append(f"{package.name} {package.version} (offered: {others})")
    return said


def find_replaced_files(
    wanted: Iterable[LockedPackage], offered: Iterable[LockedPackage]
) -> list[str]:
    """Name wanted versions under which only other files are offered: nothing Debian ever does."""
    files: dict[tuple[str, str], set[str]] = {}
    for offer in offered:
        files.setdefault((offer.name, offer.version), set()).add(offer.sha256)
    return [
        f"{package.name} {package.version}"
        for package in wanted
        if package.sha256 not in files.get((package.name, package.version), {package.sha256})
    ]


def describe_changes(old: PackageLock, new: PackageLock) -> list[str]:
    """Say what a new lock changes, one line per package and architecture."""
    said = []
    for architecture in sorted(old.keys() | new.keys()):
        before, after = old.get(architecture, {}), new.get(architecture, {})
        for name in sorted(before.keys() | after.keys()):
            was, now = before.get(name), after.get(name)
            if was != now:
                left, right = (each.version if each else "none" for each in (was, now))
                said.append(f"{architecture} {name}: {left} → {right}")
    return said

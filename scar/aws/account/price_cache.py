"""Keep prices that were read from AWS in the user's cache folder, for a week."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.aws.model.prices import PRICE_NAMES, is_plausible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.prices import PriceName

KEPT_SECONDS = 7 * 86_400
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class PriceCache:
    """One file per Region. An unreadable, damaged or old file is as good as none."""

    folder: Path

    @classmethod
    def open(cls, environ: Mapping[str, str]) -> PriceCache:
        """Return the user's cache: ``$XDG_CACHE_HOME/scar/prices`` or ``~/.cache/scar/prices``."""
        base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")) / ".cache"
        return cls(Path(base).expanduser() / "scar" / "prices")

    def load(self, region: str, now: float) -> tuple[dict[PriceName, float], float] | None:
        """Return the prices and when they were read (epoch seconds); None if there are none."""
        try:
            return _parse(json.loads(self._path(region).read_bytes()), region, now)
        except (OSError, ValueError, RecursionError):
            return None

    def store(self, region: str, values: Mapping[PriceName, float], now: float) -> None:
        """Write the file atomically; without a writable folder nothing is stored."""
        document = {"format": _FORMAT, "region": region, "read_at": now, "prices": dict(values)}
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            try:
                with os.fdopen(handle, "w") as file:
                    json.dump(document, file)
                Path(temporary).replace(self._path(region))
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def _path(self, region: str) -> Path:
        return self.folder / f"{region}.json"


def _parse(
    document: object, region: str, now: float
) -> tuple[dict[PriceName, float], float] | None:
    """Return what ``store`` wrote; None for what is too old. Raise ValueError for anything else."""
    match document:
        case {
            "format": format_version,
            "region": of_region,
            "read_at": int() | float() as read_at,
            "prices": dict() as found,
        } if (format_version, of_region) == (_FORMAT, region):
            values = {name: found[name] for name in PRICE_NAMES if name in found}
        case _:
            raise ValueError("not a file of this cache")
    are_plausible = all(is_plausible(name, value, region) for name, value in values.items())
    if len(values) != len(found) or not are_plausible:
        raise ValueError("not prices")
    # A file from the future: the clock was changed, so its age is not known.
    return (values, float(read_at)) if 0 <= now - read_at < KEPT_SECONDS else None

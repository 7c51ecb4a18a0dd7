"""The licences of a bundle's files, and the notice with their sources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supervisor.bundle.file_tree import BundleFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.bundle.file_tree import FileTree
    from supervisor.bundle.lockfile import LockedPackage
    from supervisor.bundle.packages import PackageFiles

FOLDER = "share/licenses"
_COMMON_LICENCE = re.compile(rb"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])")
_NOTICE_HEADER = """\
Contents of /opt/scar
=====================
The supervisor of scar (launch, main.py, supervisor.zip; in modules.bin what is named supervisor) is
licensed under Apache-2.0. Everything else comes from the Debian packages below, with two changes:
the Python modules are compiled, without docstrings of functions, and ld.so reads its list of
preloaded libraries from another path. The licence of each package is in <package>/copyright next to
this file; the licences that they refer to are in common/.

Source code
-----------
The corresponding source of every package is Debian's source package named below, in exactly that
version: on every Debian mirror while it is current (`apt-get source NAME=VERSION`), and
permanently in Debian's snapshot archive. The code that builds this bundle is supervisor/bundle in
scar's source. For the parts under the GNU General Public License or the GNU Lesser General Public
License this is also a written offer, valid for three years from the day you received the bundle:
the party that gave it to you will send you, on request, the complete corresponding source on a
customary medium, for no more than the cost of doing so.

"""


def collect_licences(packages: PackageFiles, locked: Mapping[str, LockedPackage]) -> FileTree:
    """Return the copyright files, the licences that they refer to, and the notice."""
    tree: FileTree = {}
    lines = []
    for name in packages.names:
        if name == "base-files":
            continue
        path = f"usr/share/doc/{name}/copyright"
        folder = packages.links.get(f"usr/share/doc/{name}")
        text = packages.require(f"{folder}/copyright" if folder else path)
        tree[f"{FOLDER}/{name}/copyright"] = BundleFile(text)
        package = locked[name]
        lines.append(
            f"{name} {package.version}\n    source: {package.source} {package.source_version}"
        )
        if gnu := [
            common for common in _referenced_licences(text) if common.startswith(("GPL", "LGPL"))
        ]:
            lines.append(f"    refers to: {', '.join(gnu)}")
    common = {name for file in tree.values() for name in _referenced_licences(file.data)}
    for name in sorted(common):
        data = packages.get(f"usr/share/common-licenses/{name}")
        if data is not None:  # some texts name a licence that does not apply
            tree[f"{FOLDER}/common/{name}"] = BundleFile(data)
    notice = _NOTICE_HEADER + "Packages\n--------\n" + "\n".join(lines) + "\n"
    tree[f"{FOLDER}/NOTICE"] = BundleFile(notice.encode("utf-8"))
    return tree


def _referenced_licences(text: bytes) -> list[str]:
    return sorted({match.decode("ascii") for match in _COMMON_LICENCE.findall(text)})

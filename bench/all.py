"""Every row of the results: ``python -m bench.all [--quick] [ROW …]``."""

from __future__ import annotations

import argparse
import compileall
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.kit.context import Context
from bench.kit.interrupts import exit_on_signals
from bench.kit.machine import ROOT, machine_facts
from bench.kit.peers import Peers
from bench.kit.report import parse_notes, report, table, write_report
from bench.rows.table import OTHER_ROWS, ROWS, find_row

NOTES = ROOT / "bench" / "notes.md"
_DESCRIPTION = (
    "Measure scar next to other tools, print a table, and with -o write it with the facts about"
    " this machine and the notes of bench/notes.md. Rows that fail are named with their error, and"
    " the exit status is 1; a file is then not written, unless with --keep-going."
)


def main() -> int:
    """Measure the rows; return the exit status."""
    options = _parse_arguments()
    exit_on_signals()
    compile_modules()
    facts, start = machine_facts(), time.monotonic()
    lines, failed = [], []
    with tempfile.TemporaryDirectory(prefix="scar-bench-") as folder:
        context = Context(folder=Path(folder), peers=Peers(options.peers), quick=options.quick)
        for name in options.rows or (ROWS if options.quick else ROWS | OTHER_ROWS):
            begin, used = time.monotonic(), _used_cpu()
            print(f"{name} …", flush=True)
            try:
                found = list(find_row(name)(context))
            except Exception as error:  # noqa: BLE001 - the other rows are measured all the same
                failed.append(name)
                print(
                    f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True
                )
                continue
            lines += found
            took = f"{time.monotonic() - begin:.0f} s, {_used_cpu() - used:.0f} s of CPU time"
            print(f"{table(found)}\n{name}: {took}\n", flush=True)
        facts |= {f"peer {name}": text for name, text in context.peers.versions().items()}
    total = f"{time.monotonic() - start:.0f} s, {_used_cpu():.0f} s of CPU time"
    print(f"{table(lines)}\nAll rows: {total}.")
    facts["duration"] = total
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    if options.output and lines and (options.keep_going or not failed):
        facts["rows that failed"] = ", ".join(failed) or "none"
        arguments = f"--quick -o {options.output}" if options.quick else f"-o {options.output}"
        command = f"python -m bench.all {arguments}"
        notes = parse_notes(NOTES.read_text())
        write_report(options.output, report(lines, facts, notes, command=command))
    return bool(failed)


def compile_modules() -> None:
    """Compile scar and the supervisor, as pip does when users install them."""
    for package in ("scar", "supervisor"):
        compileall.compile_dir(ROOT / package, quiet=2)


def _used_cpu() -> float:
    """Return the CPU seconds of this process and of all that it has waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    parser.add_argument("-o", "--output", type=Path, help="write the report to this file")
    parser.add_argument("--keep-going", action="store_true", help="write it without rows that fail")
    parser.add_argument(
        "--peers",
        type=Path,
        default=Path(sys.prefix) / "peers",
        help="where the tools that scar is compared with are installed (%(default)s)",
    )
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help=f"{', '.join(ROWS)}; and, with --quick only if named: {', '.join(OTHER_ROWS)}",
    )
    options = parser.parse_args()
    if options.output and not os.access(options.output.parent, os.W_OK | os.X_OK):
        parser.error(f"cannot write to the folder {options.output.parent}")
    if unknown := sorted(set(options.rows) - (ROWS | OTHER_ROWS).keys()):
        parser.error(f"no row {', '.join(unknown)}; the rows: {', '.join(ROWS | OTHER_ROWS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())

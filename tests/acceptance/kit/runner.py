"""Run the acceptance steps, clean up whatever happens, and write the report: ``make acceptance``.

``--clean FOLDER`` repeats the clean-up of a run that was killed.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tests.acceptance.kit.cleanup import clean_up
from tests.acceptance.kit.cloudtrail import record_errors
from tests.acceptance.kit.commands import CommandError, run_scar
from tests.acceptance.kit.costs import describe_costs
from tests.acceptance.kit.interruptions import Interruptions
from tests.acceptance.kit.report import build_report, write_report
from tests.acceptance.kit.run import AcceptanceRun
from tests.acceptance.kit.settings import (
    COSTS_ACCEPTED,
    PREFIX,
    RefusedError,
    Settings,
    from_environment,
)
from tests.acceptance.kit.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEPS_FOLDER = Path(__file__).parents[1]
FAILED, REFUSED, LEFT = 1, 2, 3
LIST_SECONDS = 300.0


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the steps; return 0, 1 if a step failed, 2 if refused, 3 if something is left."""
    options = _parse(arguments)
    try:
        if options.clean:
            return _clean_again(Path(options.clean))
        settings = _settings(options, environ)
        run = AcceptanceRun.start(settings)
        _check_account(run)
    except (RefusedError, CommandError, BotoCoreError, ClientError) as error:
        say(f"Error: {error}")
        return REFUSED
    return _run_steps(run, options, environ)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make acceptance", description=__doc__)
    parser.add_argument("--acceptance-target", choices=["aws", "local"], default="aws")
    parser.add_argument("--acceptance-report", help="path; default: acceptance-<date>.json")
    parser.add_argument("--acceptance-steps", help="numbers such as 1,2,7; default: all")
    parser.add_argument("--acceptance-folder", help="folder of the run; default: a new one")
    parser.add_argument("--clean", metavar="FOLDER", help="only clean up after this run")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a new run; print the costs before anything is asked of AWS."""
    numbers = _numbers(options.acceptance_steps)
    if options.acceptance_target == "aws":
        say(describe_costs(STEPS, numbers))
        say("Set a budget alarm of 5 USD in the account before the first run.")
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
    name = options.acceptance_folder or f".acceptance/{now}-{secrets.token_hex(2)}"
    folder = Path(name).absolute()
    chosen = {**environ, f"{PREFIX}TARGET": options.acceptance_target}
    settings = replace(from_environment(chosen, folder), folder=folder)
    if settings.folder.exists() and any(settings.folder.iterdir()):
        raise RefusedError(f"{folder} is not empty: a run needs a folder of its own.")
    settings.folder.mkdir(parents=True, exist_ok=True)
    # For --clean, after a crash.
    (folder / "settings.json").write_text(json.dumps(settings.to_environment(), indent=1))
    return settings


def _numbers(text: str | None) -> list[int]:
    if not text:
        return list(STEPS)
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if not word.isdecimal() or int(word) not in STEPS]:
        raise RefusedError(f"There is no step {unknown[0]}; the steps are 0 to {max(STEPS)}.")
    return sorted({int(word) for word in words})


def _check_account(run: AcceptanceRun) -> None:
    """Refuse an account with functions of scar: their shared resources would be changed."""
    identity = run.target.client("sts").get_caller_identity()
    run.journal.append("started", target=run.settings.target, region=run.target.region)
    say(f"Account {identity['Account']}, Region {run.target.region}, run {run.settings.run}.")
    listed = run_scar(
        *("ls", "-j"),
        environment=run.target.environment(),
        folder=run.settings.folder,
        timeout=LIST_SECONDS,
    ).json()
    if names := [function["name"] for function in listed]:
        raise RefusedError(
            f"The account has functions of scar, or of an earlier run: {', '.join(names[:3])}."
            " Use a fresh account; `--clean FOLDER` removes what an earlier run left."
        )


def _run_steps(run: AcceptanceRun, options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    started = dt.datetime.now(dt.UTC)
    interruptions = Interruptions(run.journal, say)
    interruptions.install()
    status, left = FAILED, LEFT
    try:
        status = interruptions.run(
            _pytest(_numbers(options.acceptance_steps)),
            {**environ, COSTS_ACCEPTED: "1", **run.settings.to_environment()},
        )
    finally:
        left = _finish(run)
        _record_cloudtrail(run, started)
        run.target.close()
        complete = not interruptions.count and status in (0, 1)
        report = build_report(
            run.journal,
            run.settings,
            region=run.target.region,
            started=started,
            complete=complete,
        )
        path = Path(options.acceptance_report or f"acceptance-{started:%Y-%m-%d}.json")
        write_report(report, path)
        say(f"Report: {path}. The journal with ids, for yourself: {run.settings.folder}")
    return left or (FAILED if status else 0)


def _pytest(numbers: Sequence[int]) -> list[str]:
    # Modules are named by the numbers of their steps.
    modules = [str(path) for n in numbers for path in STEPS_FOLDER.glob(f"test_step{n:02}_*.py")]
    options = ["-p", "no:randomly", "-p", "no:cacheprovider", "-v", "--tb=short"]
    return [sys.executable, "-m", "pytest", *options, *modules]


def _finish(run: AcceptanceRun) -> int:
    """Clean up and print what is left; return 0, or 3 if something is."""
    say("Cleaning up…")
    found = clean_up(run, say)
    for kind, name in found.kept:
        say(f"Stays: {kind} {name}")
    for kind, name in found.left:
        say(f"LEFT: {kind} {name}")
    if found.unlisted:
        say(f"Could not be listed: {', '.join(kind for kind, _ in found.unlisted)}")
    say("Something is left: see above." if found.left else "Nothing else is left.")
    return LEFT if found.left else 0


def _record_cloudtrail(run: AcceptanceRun, started: dt.datetime) -> None:
    try:
        record_errors(run, started)
    except (BotoCoreError, ClientError) as error:
        say(f"CloudTrail was not read: {error}")


def _clean_again(folder: Path) -> int:
    try:
        given = json.loads((folder / "settings.json").read_text())
    except OSError:
        raise RefusedError(f"{folder} is not the folder of a run: no settings.json.") from None
    settings = from_environment({**given, COSTS_ACCEPTED: "1"}, folder)
    run = AcceptanceRun.start(settings)
    Interruptions(run.journal, say).install()
    try:
        return _finish(run)
    finally:
        run.target.close()


def say(text: str) -> None:
    """Print a line; a terminal that is gone must not prevent the clean-up."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

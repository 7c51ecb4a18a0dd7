"""Runs the command line as ``python -m scar``."""

from __future__ import annotations

from scar.cli.main import main

if __name__ == "__main__":
    main()

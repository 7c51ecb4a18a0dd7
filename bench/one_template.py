"""One CloudFormation template of many functions: ``python -m bench.one_template FILE…``.

The command divides many functions among stacks, since CloudFormation takes 500 resources in one.
Steps that compare all resources of a template with each other show only if they are in one: this
prints the CPU seconds of all functions of each FDL file in one template, without the start.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from scar.aws.compile.from_fdl import functions_of
from scar.aws.export.desired import compile_for_template
from scar.aws.export.pseudo_parameters import account_with_marks
from scar.aws.export.template import export_template
from scar.fdl.loader import load_document

REGION = "us-east-1"


def main() -> None:
    """Print a line for each file."""
    for name in sys.argv[1:]:
        functions = functions_of(load_document(Path(name)))
        begin = time.process_time()
        resources = compile_for_template(functions, account_with_marks("", REGION))
        text = export_template(resources, REGION).text
        used = time.process_time() - begin
        print(
            f"{len(functions)} functions, {len(resources):,} resources: {used:.3f} s of CPU time,"
            f" {len(text):,} bytes"
        )


if __name__ == "__main__":
    main()

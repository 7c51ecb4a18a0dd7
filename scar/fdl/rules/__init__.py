"""Rules that concern several keys or several functions of an FDL document.

``document`` has those of each function and of functions that share a name or an input, and calls
the others: ``storage`` (inputs and outputs), ``loops`` (functions that start themselves or each
other), ``providers`` (stores other than the account's S3), ``environment`` (variables and secrets),
``endpoints`` (HTTP endpoints), ``tags``, and ``scar.fdl.batch_rules`` for jobs.
``provider_notes`` are no errors.
``secret_variables`` reads the variables that secret keys name, for deployments.
"""

from scar.fdl.rules.document import check_rules

__all__ = ["check_rules"]

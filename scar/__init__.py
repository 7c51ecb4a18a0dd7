"""Run any container image over files, serverless: the command and the deployment.

A user describes functions in an FDL file and runs ``scar init``. ``cli/`` parses the command line
and prints results. ``fdl/`` reads the file and reports every problem with its line. ``image/``
composes each function's image (the user's image, the supervisor, the script) and pushes it.
``aws/`` compiles functions to desired resources, compares them with the account, and applies the
plan, or exports the same resources as CloudFormation. From then on, events start the functions:
``transfer/`` uploads, downloads and lists objects; ``runs/`` reads the run records (status,
history, logs, cost) and retries or cancels runs. ``cluster/`` makes jobs the workers of dask
clusters. ``local/`` is the local cloud: the same code against another endpoint, without an account.
``errors`` has the base exceptions and their exit codes; ``meter`` formats the progress of long
transfers; ``spelling`` suggests names for misspelt ones; ``hidden_text`` holds the value of a
secret; ``__main__`` runs the command line as ``python -m scar``.

Imports point one way: the command line imports the other packages, and all of them import the
package of the supervisor, which runs inside Lambda and Batch and imports nothing from here.
"""

__version__ = "5.0.0.dev0"

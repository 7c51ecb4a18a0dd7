"""Run any container image over files, serverless: the command and the deployment.

    cli/        the command line: parses, prints, exits
    fdl/        functions as users write them
    image/      function images: pulled, composed and pushed without Docker
    aws/        functions as AWS resources: compiled, planned, applied, exported
    transfer/   objects: put, get, ls
    runs/       what became of every file: status, why, logs, retry
    local/      the local cloud

Imports point one way: ``cli`` to the others, all of them to ``supervisor``, which runs inside
Lambda and Batch and knows nothing of this package.
"""

__version__ = "5.0.0.dev0"

"""Deploy functions to AWS, or to an AWS-compatible endpoint such as the local cloud.

The pipeline of ``scar init``, from the functions of an FDL file to AWS:

1. ``compile/`` turns the FDL document into functions, frozen values of ``model/``.
2. ``validation/`` checks the functions, before any request.
3. At the same time: ``inventory/`` reads what is deployed, ``account/`` inspects the account
   (buckets, networks, quotas, roles to pass), and ``images/`` builds the functions' images.
4. ``compile/`` compiles the functions, with image digests and networks, to desired resources:
   values of ``model/``, with IAM policies generated from each function's data flow.
5. ``validation/`` checks the account, and the requests that would create the resources
   (``requests/`` has both the requests as data and AWS's rules for them).
6. ``model/`` compares desired with observed resources: the plan. ``scar plan`` stops here.
7. ``deploy/`` acquires the lock, plans again if it had to wait, and applies the plan in dependency
   order: ``handlers/`` has one handler per kind of resource, which sends the requests with the
   clients of ``client/``. If a step fails, all started steps are undone.

``deploy/`` runs all stages; its entry points are what the command line calls. ``scar rm`` is the
same with no desired resources. ``scar export`` writes the desired resources of stage 4 as a
CloudFormation template (``export/``).

Desired and observed resources are the same frozen dataclasses, read back by names that are derived
from the function, the account and the Region. So a second ``scar init`` finds nothing to change,
drift is shown as a change, and no state file is needed: only the lock and the run records are in a
bucket.

Imports point down these layers (the import contract in ``pyproject.toml``):

- ``export/``, ``deploy/``
- ``images/``
- ``inventory/``
- ``handlers/``
- ``validation/``
- ``account/``
- ``requests/``
- ``compile/``
- ``client/``
- ``model/``

``model/``, ``compile/``, ``requests/``, ``validation/`` and ``export/`` are pure functions without
I/O; all others may call AWS. A new kind of resource needs a class in ``model/``, its compilation,
its requests, a handler, and its CloudFormation properties; the pipeline stays as it is.
"""

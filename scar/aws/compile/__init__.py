"""Compile functions to the resources that must exist for them.

``from_fdl`` turns an FDL document into functions. ``compiler`` compiles these, with the digests of
their images and their networks, to desired resources and to the ``function.json`` in each image. It
composes the parts: ``batch_resources`` (compute environment, job queue, job definition;
``job_sizes`` are the larger sizes that a job can be retried with), ``ecr_repository``,
``failure_handler`` (the function of the account that handles failed invocations) and ``policies/``
(the roles' IAM documents).

``passed_roles`` lists the roles that the caller must be allowed to pass. ``placeholders`` compiles
without an account, with invented digests and subnets, for ``scar validate`` and the tests.

A further setting of functions starts in the FDL, is carried by the function, and becomes a field of
a resource in ``compiler`` or ``batch_resources``. Pure functions; no I/O.
"""

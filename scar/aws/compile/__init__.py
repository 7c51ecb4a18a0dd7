"""Compile functions to the resources that must exist for them.

First ``from_fdl`` converts an FDL document to functions. They are checked, and their images are
built, before the rest: the digests of the images and the networks of the functions are inputs.

Then ``compiler`` compiles functions to desired resources. ``function_config`` compiles the
``function.json`` in each image, and what the roles must allow. For each function ``compiler`` calls
``lambda_function``, ``ecr_repository``, ``policies/`` (the IAM documents of the roles),
``added_policies`` (the user's own ones), ``batch/`` (compute environment, job queue, job
definition), ``gathered_events`` (queue and event source mapping), ``endpoints`` (HTTP
API or function URL), ``encryption`` (what writes to
buckets request) and ``file_systems`` (what functions and jobs mount); at the end
``failure_handler`` (the one function of the account that handles failed invocations). Functions
with equal compute resources yield the same compute environment and queue, because these are named
by a digest of their content.

``stores`` compiles stores other than the account's S3, with references to their secrets.
``passed_roles`` lists the roles that the caller must be allowed to pass. ``placeholders`` compiles
without access to the account, with made-up digests and subnets, for ``scar validate`` and the
tests.

A further setting of functions is a key of the FDL's model, and a field of a resource that
``lambda_function``, ``compiler`` or ``batch/`` sets. Pure functions; no I/O, but ``from_fdl`` reads
the files with user data.
"""

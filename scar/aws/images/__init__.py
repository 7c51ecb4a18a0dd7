"""Provide the image of a function: build or verify it, push it, delete it when unused.

``image_builder`` is what the pipeline calls: it composes the user's image, the supervisor and the
function's own layer, without Docker, and pushes the result to the account's ECR. If the FDL says
``create_image: false``, ``prebuilt_images`` verifies an image that the user composed and pushed.
``image_changes`` adds to a plan what changes in an image, by comparing it with the deployed one.
``registry_logins`` gets credentials for registries: ECR's with the caller's AWS credentials, all
others from Docker's configuration. ``unused_images`` finds images of earlier deployments that no
function, job definition or unfinished job uses.

The composition of layers itself, and the registry client, are in the package ``scar.image``.
"""

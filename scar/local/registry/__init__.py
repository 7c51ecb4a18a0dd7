"""The container registry that emulates ECR's: the OCI distribution API over a folder.

``service`` is the HTTP API below ``/v2/`` that docker, skopeo and ``scar.image.registry`` use,
with the answers of ``responses``. A push uploads blobs, each hashed while it is received
(``uploads``) and stored under its digest (``store``), then puts the manifest that references
them; a manifest with a missing blob is rejected. Every file is written elsewhere and renamed, so
that readers see complete and verified files only. Blobs that no manifest references are removed
at the next start.

Two readers need no HTTP: ``images`` finds an image by its URI for the container engines, and
``ecr_api`` handles ECR's own calls about images, before moto gets them. moto creates and deletes
the repositories.
"""

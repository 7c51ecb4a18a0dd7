"""Compose a function's image from its base image, the supervisor bundle and the function.

``function_image`` puts two layers on top of the base layers and rewrites the configuration. The
order of the layers is the order of change: the user's image, the supervisor layer (one per release
and architecture), the function layer (``function.json``, the script, the extra payload). A new
script therefore changes the last layer, the configuration and the manifest, and nothing else is
uploaded. ``supervisor_bundle`` finds the bundle's file and returns it as a layer; ``payload``
reads the user's folder of additional files (``lambda.extra_payload``).

The digest of a composed image depends on its content alone: layers are written without times,
owners and host data, JSON is written compact and sorted, and all times in the configuration are
the base image's. The deployment relies on this: an equal digest means that there is nothing to
push or to update.

``inspection`` summarizes an image for ``scar image inspect``, ``image_changes`` says what differs
between two images of a function for ``scar plan``. ``tree_images`` builds base images
from file trees, for the demo image and the tests. ``root_import`` makes an image of a root file
system, which ``root_sources`` reads from a tar archive or a folder.
"""

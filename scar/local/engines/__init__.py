"""Container engines of the local cloud: one interface, and one implementation per engine.

``port`` defines the interface: an engine prepares an image and starts sandboxes; a sandbox reports
its exit, forwards its output and is removed with all of its processes. ``selection`` opens the
engine that the user names, or the first one that works on this machine, in the order below.
``storage`` is what a sandbox mounts beside its image, and its resource limits.

``docker``: containers of a Docker or Podman socket. ``docker_archive`` streams an image of the
local registry in the format of ``docker load``; ``docker_container`` follows one container, and
``docker_storage`` has its mounts.

``sandbox``: rootless containers on Linux namespaces. ``sandbox_support`` finds out what this
machine's kernel offers, ``rootfs`` keeps each image's layers as folders, ``unpack`` applies the
layers safely, and ``namespaces/`` is the program that enters the namespaces, mounts the folders,
drops all rights and becomes the image's entrypoint. ``tmpfs_options`` translates mount options.

``process``: process trees on the host, without the image's file system. ``function_layer``
extracts the function's own files, and ``process_init`` is the program that makes sure that no
process outlives the sandbox.

The last two share ``process_tree``, which also ends what a killed server has left, and
``output_pipe``, which forwards the output and knows when all of it was read. ``limits_monitor``
enforces memory and disk limits by polling where an engine has no exact limit from the kernel.

One more engine is one module with an Engine and a Sandbox, and one case in ``selection``. It must
pass tests/conformance/test_engines.py. What it cannot guarantee it declares in its
EngineGuarantees, which ``scar local status`` shows.
"""

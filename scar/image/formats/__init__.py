"""Read and write container images: documents, layers, archives, and where base images come from.

``resolver`` returns the user's image as a ``BaseImage`` (``base_image``): from the archive that
``container.image_file`` names, else from the first source that has it. ``docker_source`` is the
source for Docker and Podman; the one for registries is in the package beside this one, because it
needs HTTP. ``image_file`` opens the file and, with the table of ``file_kinds``, says what it is if
it is something else: a root file system, a disk image, a Dockerfile. An archive is read in one
pass: ``archive`` stores its layers in the blob cache and keeps its documents in memory, then
``layouts`` selects one image among them, in the layout of ``docker save`` or of OCI.
``cache_index`` records the result, so that an unchanged archive is not read again.

Archives and layers come from strangers. ``tar_stream`` reads tar archives with bounded headers,
which ``tar_headers`` checks before Python's tarfile parses them, ``decompression`` reads gzip,
bzip2, xz and zstd in bounded pieces, and ``unpacking_limits`` has the
limits on what they may expand to: Lambda's for an image, and one against decompression bombs.

``blobs`` has content with its digest, and the cache of it on disk. ``layer`` writes deterministic
layers; ``recompression`` converts layers to gzip, the only compression that Lambda accepts.
``chunks`` makes a stream of chunks readable as a file. ``manifest`` reads and writes the JSON
documents, ``reference`` parses image names (no I/O in either). ``composed_image`` is an image that
is ready to be pushed or saved.

To add a source, implement ``ImageSource`` and pass it to the resolver. To add an archive layout,
extend ``layouts``.
"""

"""Build a function's image without a container engine, and push it.

The user's image comes from a file, a Docker image store or a registry. ``formats/`` finds it,
validates it and returns a ``BaseImage``: its configuration and its layers. Layers that are in a
registry stay there until they are needed. ``compose/`` adds the supervisor layer and the function
layer and rewrites the configuration; the ``ComposedImage`` that it returns has the same digest
whenever its content is the same, so an unchanged function costs no upload. ``registry/`` pushes
it: missing blobs first, several at once, mounted from another repository of the same registry
where possible; the manifest last, so that an incomplete image cannot be pulled.

``demo`` writes a small image for the examples and tests. ``errors`` has the exceptions. To add a
source of images, implement ``ImageSource``; to add an archive format, extend the archive reader.
Nothing here imports the AWS packages: the caller passes endpoints and logins.
"""

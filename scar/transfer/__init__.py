"""Upload, download and list objects: the work of ``scar put``, ``scar get`` and ``scar ls``.

``client`` creates an S3 client with enough connections, the first argument of all functions here.
``location`` parses the bucket and folder that the user names.

``put`` walks the files (``local_files``), checks all of them before the first upload, and uploads
them. ``get`` lists the objects (``objects``) and downloads each into its file below the target
folder, never outside it. Both process small files concurrently in ``pool``, and large ones one
after another with concurrent parts (multipart), so memory does not grow with the number or the
size of files. The first error ends a command; what was transferred before stays, and the command
may be repeated. ``errors`` translates errors of the SDK.

All modules do I/O, except for the parsing of locations.
"""

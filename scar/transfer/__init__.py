"""Upload, download and list objects: the work of ``scar put``, ``scar get`` and ``scar ls``.

The first argument of all functions here is an ``ObjectClient`` of ``scar.aws.client.direct``.
``client`` has the limits of concurrency, and checks that a bucket can be used. ``location`` parses
the bucket and folder that the user names.

``put`` walks the files (``local_files``), checks all of them before the first upload, and uploads
them (``upload_file`` is the content of one). ``get`` lists the objects (``objects``) and downloads
each into its file below the target folder, never outside it (``target_files``, ``target_folder``).
Both process small files concurrently in ``pool``, and large ones one after another with concurrent
parts (``multipart``, ``download_content``), so memory does not grow with the number or the size of
files. ``function_starts`` tells which functions the uploaded objects start, ``suggestions`` which
location was meant by a misspelt one.

One file or object that cannot be transferred does not end a command: ``result`` collects it with
its reason. What concerns all of them does: no network, no permission, no space. What was
transferred before stays, and the command may be repeated. ``errors`` translates errors of the SDK,
and decides which concern one item only. Errors of the SDK are handled before OSError everywhere,
because its network errors are OSErrors too.

All modules do I/O, except for the parsing of locations, the choice of target files and results.
"""

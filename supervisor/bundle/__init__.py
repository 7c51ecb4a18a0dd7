"""Builds the self-contained Python that every function image contains under ``/opt/scar``.

It starts in any Linux root file system, even an empty one: it has its own dynamic loader, its own
libraries, and the standard library as one zip. ``python -m supervisor.bundle`` (``make bundle``,
``__main__``) writes ``dist/scar-supervisor-linux-<architecture>.tar.gz``: one image layer, the
same bytes for the same ``packages.lock`` and the same supervisor. Nothing needs root.

``build`` is the pipeline:

1. ``lockfile`` reads ``packages.lock``, which has the version and SHA-256 of each Debian package;
2. ``apt`` downloads exactly these files for the ``target`` platform;
3. ``packages`` reads the archives into memory;
4. ``python`` chooses interpreter, loader, extension modules and, with ``elf``, the libraries that
   they need; it fails if one is missing;
5. ``compiler``, ``method_compiler`` and ``archive_builder``, which run inside that Python, turn
   sources into a zip of byte code, compile the methods of dataclasses, and write the modules of a
   start to one file;
6. ``licences`` collects the copyright files and the notice;
7. ``file_tree`` writes all files as a deterministic layer.

The Python of step 4 and its standard library change rarely, so they are kept in ``dist/kept``;
the supervisor's modules are compiled at every build.

In the image ``launch.c`` (two checked-in binaries) is the entrypoint: it renames the variables
that would break this Python and executes it with ``main.py``. Only ``main`` is part of the
bundle, the other modules are not. ``errors`` has the errors of a build.

To add a Debian package: its name in ``packages``, then ``make bundle-lock``. To add an
architecture: an entry in ``target`` and a binary of ``launch.c``.
"""

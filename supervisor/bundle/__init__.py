"""Builds the self-contained Python that every function image carries under ``/opt/scar``.

It starts in any Linux root file system, also an empty one: an own dynamic loader, own
libraries, the standard library as one zip, all from Debian packages that are downloaded and
read without root. ``python -m supervisor.bundle`` (``make bundle``) writes
``dist/scar-supervisor-linux-<architecture>.tar.gz``, one image layer, the same bytes for the
same ``packages.lock`` and the same supervisor.

    lock          which version of each package, by SHA-256
    apt           download exactly those
    packages      which packages there are; read them
    licences      their terms and where their sources are
    elf           which libraries a binary needs
    python        the files of the self-contained Python; fails on a missing library
    compiler      runs inside that Python: sources to a zip of byte code
    recorder      runs inside that Python: the methods of dataclasses, compiled
    tree          files to a deterministic layer
    launch.c      the entrypoint, and its two binaries
    main.py       what the entrypoint starts

None of this is part of the bundle itself.
"""

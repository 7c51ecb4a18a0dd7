"""The files of the state folder: what each contains, and what happens if one is damaged.

No service deletes data because an index says so: an index may be missing, empty, damaged or
old, after a loss of power, a half restored backup, or a tool that synchronizes folders.

- ``files``: the databases, with what is lost and what is kept without each; the errors that
  name the file and the remedy.
- ``databases``: opens a database, and refuses one that is missing, empty, damaged, of another
  service, or of a later release. The server does not start then.
- ``inventory``: the list of databases that were created, so that a missing one is noticed.
- ``folders``: creates folders, and names a file that is in the place of one.
- ``regular_files``: opens files without waiting, since a pipe or device may be in their place.
- ``lost_files``: a folder for files that an index does not explain: they are kept for days.
- ``write_ahead_log``: finds a log of SQLite that was cut or removed after a crash.
- ``private_files``: writes small files in one step.
- ``disk_space``: recognizes the errors of a full disk.

A user starts without a file by renaming it to ``<name>.lost``; the next start renames that to
``<name>.lost-<date>``, so that it permits one start only.
"""

"""SCAR's words: its keys and its configuration file, as far as they differ from scar's.

``table`` lists the keys of SCAR that scar does not have. A file that has them stays valid, and one
line names each of them, wherever it is: in an FDL file, as an option of the command line, or in
``~/.scar/scar.cfg``, which ``config_file`` reads. ``config_file`` reads a file; ``table`` is data
with pure functions.
"""

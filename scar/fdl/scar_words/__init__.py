"""SCAR's words: its keys and its configuration file, as far as they differ from scar's.

``table`` lists the keys of SCAR that scar does not have. A file that has them stays valid, and one
line names each of them, wherever it is: in an FDL file, as an option of the command line, or in
``~/.scar/scar.cfg``, which ``config_file`` reads. ``notes`` finds the keys without effect in FDL
files: those of the table, and those of the model whose description begins with "accepted, not
used". ``config_file`` reads a file; the other modules are pure functions.
"""

"""What editors of other systems leave in text files, and the commands that correct it.

``script_checks`` finds why Linux does not run a script as it is meant: bytes before ``#!``, line
endings, NUL bytes. ``wide_text`` recognizes UTF-16 and UTF-32, of FDL files too. Pure functions.
"""

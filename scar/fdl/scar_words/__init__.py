"""SCAR's words: its keys, options and configuration file, and what becomes of each here.

A word has the same meaning, is accepted without effect and named once, or is refused with what to
do: ``word`` has these outcomes. ``table`` has the keys of a function, ``file_words`` those around
it in an FDL file, ``flags`` the options of SCAR's commands, and ``scar_defaults`` the values that
SCAR writes itself. They are data with pure functions.

``entries``, ``file_words`` and ``service_places`` read the words of an FDL file, so that the FDL's
model need not know them, and ``schema_words`` adds them to the schema for editors. ``config_file``
reads SCAR's ``~/.scar/scar.cfg``. ``page`` builds docs/scar-words.md of the tables (``python -m
scar.fdl.scar_words``).
"""

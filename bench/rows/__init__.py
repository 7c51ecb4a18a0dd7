"""The rows of the results, each measured by a function that yields its lines.

``startup`` has commands that do little, ``transfers`` uploads and downloads, ``listings`` what is
listed, ``supervisor`` warm runs and runs of many outputs, ``local_cloud`` its throughput and its
memory, ``reading`` status, logs and exports, ``scripts`` and ``other_scripts`` the rows that
other modules of ``bench`` measure, ``demo`` the demonstration of the README. ``table`` has all of
them, in their order.
"""

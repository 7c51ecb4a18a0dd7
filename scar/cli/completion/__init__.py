"""Completion of command lines in bash, zsh and fish.

``shells`` answers the requests of click's shell functions and prints these functions;
``stored_names`` answers those for the name of a command and for its first option without click.
``values`` completes the values of options: functions and folders of the account, AWS profiles and
Regions.
"""

COMPLETION_REQUEST = "_SCAR_COMPLETE"  # environment variable, set by the shell functions

"""Select functions and runs, and read their state: what log, status, wait, retry and cancel share.

``run_options`` has the options -n and --since, ``selected_runs`` the functions and runs that they
and the arguments select, ``status_query`` the state of all runs of functions. ``name_hints``
explains a name that is no run, ``waiting_places`` why queued runs wait.
"""

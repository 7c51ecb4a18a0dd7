"""Select functions and runs, and read their state: what log, status, wait, retry and cancel share.

``run_options`` has the options -n and --since, ``selected_runs`` the functions and runs that they
and the arguments select, ``status_query`` the state of all runs of functions. ``gathered_events``
counts events that have no run yet, ``waiting_places`` says why queued runs wait. ``name_hints``
explains a name that is no run, ``faulty_files`` names the functions of an invalid FDL file.
``log_options`` checks which options of ``scar log`` go together, ``input_folders`` selects the
folders whose files ``scar run`` lists.
"""

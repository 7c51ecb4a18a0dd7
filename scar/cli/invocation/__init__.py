"""Options and requests of ``scar invoke`` and ``scar run``.

``request_arguments`` reads the options ``-db``, ``-jd`` and ``-p``; ``endpoint_call`` sends the
request over HTTP and writes the response to a file or to stdout, as it arrives. ``run_options``
checks which options of ``scar run`` go together.
"""

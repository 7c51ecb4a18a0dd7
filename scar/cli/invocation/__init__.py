"""What ``scar invoke`` sends, and how it calls a function through its HTTP endpoint.

``request_arguments`` reads the options ``-db``, ``-jd`` and ``-p``; ``endpoint_call`` sends the
request over HTTP and writes the response to a file or to stdout, as it arrives.
"""

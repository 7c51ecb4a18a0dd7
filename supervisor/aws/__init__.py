"""The supervisor's own AWS client, small because it is part of every cold start.

    request, sigv4, endpoints    pure: what is sent, how it is signed, and to which host
    credentials                  environment, container endpoint, IMDSv2; renewed in time
    http, tls                    connections kept alive; loaded with the first request
    client                       one service in one region: sign, send, repeat where safe
    errors                       what AWS or the network said

Not read: shared configuration files (``~/.aws``), SSO and proxies, which neither Lambda nor
Batch has. ``http.client`` and ``ssl`` are imported by the first request, not before.
"""

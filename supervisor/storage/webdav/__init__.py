"""WebDAV servers: Nextcloud, dCache, Apache, nginx.

``store`` is the adapter of ``ports.ObjectStore``: it reads, and ``write`` writes a complete file
under a temporary name before it gets its own. Both send requests with ``api``; ``folders`` makes
missing folders, ``protocol`` encodes paths and decodes responses (pure).
"""

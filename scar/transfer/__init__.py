"""Files to objects and back: put, get, and the list of what is there.

``put.put`` and ``get.get`` work on any number of files with constant memory, small ones many at
once, large ones in parts; ``objects.list_objects`` pages. All take the client that
``client.transfer_client`` makes.
"""

"""Where sandboxes run: one port (``port``), one adapter each for docker, sandbox and process.

    tree                     what the sandbox and process engines share
    enter, process_init      the first processes of their sandboxes, run by path
    rootfs, unpack           an image's layers as folders, for the sandbox engine
    function_layer           a function's own files, for the process engine
    watch, output            limits kept by looking; output, and when all of it was read
    container, docker_archive    one container of Docker; images as Docker loads them
    choose                   which engine this machine can run

All adapters pass ``tests/conformance/test_engines.py``; what an adapter cannot guarantee it
declares in its ``Guarantees``, which ``scar local status`` shows.
"""

"""S3's storage: one SQLite database, one folder of body files, one outbox of events.

``database`` opens the file with the tables of ``schema`` and provides read connections and the
single write transaction. ``buckets``, ``objects`` and ``uploads`` read and write rows, ``listing``
reads pages of keys. ``body_receiver`` streams a request's body into memory or into a file of
``body_files``. ``outbox`` stores events in the transaction of their object and delivers them in a
thread. ``store`` combines these parts for the operations, and opens objects for reading.

The order that keeps both stores consistent: a file is written before the transaction that
references it, and removed after the transaction that no longer does. A crash leaves only files
without a row; these are removed at the next start.
"""

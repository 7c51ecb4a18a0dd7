#!/bin/sh
# Here: what the job sees. There: `cirrus-batch.py process <url>`.
env | sort > "$TMP_OUTPUT_DIR/environment.txt"

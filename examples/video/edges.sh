#!/bin/sh
# Draw the edges in one frame. The key is frames/<video>/<number>.png: the folder is kept.
set -eu
video=$(basename "$(dirname "$STORAGE_OBJECT_KEY")")
frame=$(basename "$INPUT_FILE_PATH")
mkdir "$TMP_OUTPUT_DIR/$video"
ffmpeg -nostdin -loglevel error -threads 1 -i "$INPUT_FILE_PATH" -vf edgedetect "$TMP_OUTPUT_DIR/$video/$frame"

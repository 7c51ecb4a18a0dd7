#!/bin/sh
# Two frames of each second of a video as PNG files, and what the video is.
set -eu
name=$(basename "$INPUT_FILE_PATH" .mp4)
mkdir "$TMP_OUTPUT_DIR/$name"
ffmpeg -nostdin -loglevel error -i "$INPUT_FILE_PATH" -vf fps=2 "$TMP_OUTPUT_DIR/$name/%03d.png"
ffprobe -loglevel error -select_streams v:0 -show_entries stream=codec_name,width,height,r_frame_rate \
    -of default=noprint_wrappers=1 "$INPUT_FILE_PATH" | tee "$TMP_OUTPUT_DIR/$name.txt"

#!/bin/sh
# Draw an NDVI file: brown is bare soil, green is vegetation, blue is water.
set -eu
scene=$(basename "$INPUT_FILE_PATH" .tif)
cd "$(mktemp -d)"
cat >colours <<'COLOURS'
nv 0 0 0 0
-1 30 60 160 255
-0.3 30 60 160 255
0 150 110 70 255
0.3 200 190 100 255
0.8 0 100 0 255
COLOURS
gdaldem color-relief -q -alpha "$INPUT_FILE_PATH" colours picture.tif
gdal_translate -q -of PNG -outsize 64 0 --config GDAL_PAM_ENABLED NO picture.tif "$TMP_OUTPUT_DIR/$scene.png"

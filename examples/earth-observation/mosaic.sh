#!/bin/sh
# Join the tiles of one scene, and reproject them from UTM to longitude and latitude.
set -eu
scene=$(basename "$INPUT_FILE_PATH" .tar)
cd "$(mktemp -d)"
tar -xf "$INPUT_FILE_PATH"
gdalbuildvrt -q scene.vrt ./*.tif
gdalwarp -q -t_srs EPSG:4326 -r near -dstnodata 0 -co COMPRESS=DEFLATE scene.vrt "$TMP_OUTPUT_DIR/$scene.tif"
gdalinfo "$TMP_OUTPUT_DIR/$scene.tif"

#!/bin/sh
# Compute the vegetation index NDVI = (NIR - red) / (NIR + red) of a mosaic: band 1 is red, band 2 NIR.
set -eu
scene=$(basename "$INPUT_FILE_PATH" .tif)
out="$TMP_OUTPUT_DIR/$scene.tif"
cd "$(mktemp -d)"
gdal_calc.py --quiet --type=Float32 --NoDataValue=-9 --co=COMPRESS=DEFLATE --outfile="$out" \
    -A "$INPUT_FILE_PATH" --A_band=1 -B "$INPUT_FILE_PATH" --B_band=2 \
    --calc='(B.astype(float32) - A) / (B.astype(float32) + A)'

# GDAL writes statistics into a file next to its input: only to /tmp. Two digits, because further
# ones depend on how the release of PROJ rounds.
cp "$out" copy.tif
gdalinfo -stats copy.tif >information
awk -F '[=_]' '/STATISTICS_(MINIMUM|MAXIMUM)=/ { printf "%s %.2f\n", $2, $3 }' information |
    tee "$TMP_OUTPUT_DIR/$scene.txt"

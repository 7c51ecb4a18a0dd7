#!/bin/sh
# Write input/valley.tar: two neighbouring tiles of an invented valley, 40 x 40 pixels of 100 m, in
# UTM zone 30 north, bands red and near infrared. A river (water) crosses fields (vegetation) and
# bare hills. Needs GDAL and awk.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$(mktemp -d)"

# band OFFSET WATER SOIL PLANTS: an ASCII grid; the offset is the tile's first column.
band() {
    awk -v first="$1" -v water="$2" -v soil="$3" -v plants="$4" 'BEGIN {
        printf "ncols 40\nnrows 40\nxllcorner %d\nyllcorner 4370000\ncellsize 100\n", 720000 + first * 100
        for (row = 0; row < 40; row++) {
            for (i = 0; i < 40; i++) {
                river = 20 + 8 * sin((first + i) / 12)
                far = row - river; if (far < 0) far = -far
                printf "%d ", far < 2 ? water : (far < 10 ? plants : soil)
            }
            printf "\n"
        }
    }'
}
for tile in west:0 east:40; do
    name=${tile%:*} first=${tile#*:}
    band "$first" 900 2400 600 >red.asc
    band "$first" 300 3000 4200 >nir.asc
    gdalbuildvrt -q -separate both.vrt red.asc nir.asc
    gdal_translate -q -ot UInt16 -a_srs EPSG:32630 -co COMPRESS=DEFLATE both.vrt "$name.tif"
done
tar --sort=name --owner=0 --group=0 --mtime=@0 -cf "$here/input/valley.tar" east.tif west.tif

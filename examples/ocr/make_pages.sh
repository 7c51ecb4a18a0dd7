#!/bin/sh
# Write the two pages of input/: the beginning of Moby-Dick (Herman Melville, 1851; in the public
# domain) as pictures. Needs ImageMagick and the font DejaVu.
set -eu
cd "$(dirname "$0")/input"

page() { # FILE TEXT
    convert -background white -fill black -font DejaVu-Serif -pointsize 24 "label:$2" \
        -bordercolor white -border 20 -colorspace gray -depth 2 -strip "$1"
}
page page-1.png 'Call me Ishmael. Some years ago\nnever mind how long precisely\nhaving little or no money in my purse'
page page-2.png 'I thought I would sail about a little\nand see the watery part of the world.'

#!/bin/sh
# List the variants of one sample, without qualities, which differ from release to release.
set -eu
sample=$(basename "$INPUT_FILE_PATH" .vcf.gz)
bcftools query -f '[%SAMPLE]\t%CHROM\t%POS\t%REF\t%ALT\n' "$INPUT_FILE_PATH" | tee "$TMP_OUTPUT_DIR/$sample.tsv"

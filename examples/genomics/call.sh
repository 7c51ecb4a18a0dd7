#!/bin/sh
# Call the variants of one sample. Each run gets one object: the .bam file, without its index .bai.
set -eu
sample=$(basename "$INPUT_FILE_PATH" .bam)
cd "$(mktemp -d)"
cp "${EXTRA_PAYLOAD:-/opt/scar/function}/genome.fa" .
samtools faidx genome.fa
bcftools mpileup -Ou -o pileup.bcf -f genome.fa "$INPUT_FILE_PATH"
bcftools call --multiallelic-caller --variants-only --ploidy 1 -Oz -o "$TMP_OUTPUT_DIR/$sample.vcf.gz" pileup.bcf

#!/bin/sh
# Align the reads of one sample to the reference genome; sort and index the alignments.
set -eu
sample=$(basename "$INPUT_FILE_PATH" .fastq.gz)

# The image is read-only in Lambda, and the index is written next to the genome: work in /tmp.
cd "$(mktemp -d)"
cp "${EXTRA_PAYLOAD:-/opt/scar/function}/genome.fa" .
bwa index genome.fa 2>bwa.log || { cat bwa.log >&2; exit 1; }

# To files, not through a pipe: a pipe's exit status is that of its last program, and an aligner that
# was killed would look like a sample with few reads.
bwa mem -v 1 -t "$(nproc)" -R "@RG\tID:$sample\tSM:$sample" genome.fa "$INPUT_FILE_PATH" >aligned.sam
samtools sort -o "$TMP_OUTPUT_DIR/$sample.bam" aligned.sam
samtools index "$TMP_OUTPUT_DIR/$sample.bam"
samtools flagstat "$TMP_OUTPUT_DIR/$sample.bam"

#!/usr/bin/env python3
"""Write the reference genome and the reads of two samples: always the same files.

    python3 simulate.py

The genome has 5,000 random bases. A sample differs from it by four substitutions, and sample-b by
a deletion, too; its reads cover each base 20 times, on both strands, without errors.
"""

import gzip
import random
from pathlib import Path

LENGTH, READ, COVERAGE = 5_000, 100, 20
COMPLEMENT = str.maketrans("ACGT", "TGCA")
OTHER = {"A": "G", "G": "A", "C": "T", "T": "C"}  # transitions
SUBSTITUTIONS = {"sample-a": (812, 1704, 2950, 4100), "sample-b": (812, 1333, 3021, 4555)}
DELETION = {"sample-b": (2500, 3)}  # position, bases

here = Path(__file__).parent
randomness = random.Random(5000)  # noqa: S311
genome = "".join(randomness.choice("ACGT") for _ in range(LENGTH))
lines = [genome[start : start + 60] for start in range(0, LENGTH, 60)]
(here / "reference" / "genome.fa").write_text(">chr1\n" + "\n".join(lines) + "\n")

for sample, positions in SUBSTITUTIONS.items():
    bases = list(genome)
    for position in positions:
        bases[position - 1] = OTHER[bases[position - 1]]
    if sample in DELETION:
        start, count = DELETION[sample]
        del bases[start : start + count]
    sequence = "".join(bases)
    reads = []
    for number in range(LENGTH * COVERAGE // READ):
        start = randomness.randrange(len(sequence) - READ + 1)
        read = sequence[start : start + READ]
        if number % 2:
            read = read.translate(COMPLEMENT)[::-1]
        reads.append(f"@{sample}.{number}\n{read}\n+\n{'I' * READ}\n")
    packed = gzip.compress("".join(reads).encode(), 9, mtime=0)
    (here / "input" / f"{sample}.fastq.gz").write_bytes(packed)

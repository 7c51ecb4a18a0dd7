"""The sizes of EC2's instance families, as text that ``instance_types`` parses.

One paragraph per group of families with equal sizes: the families, their architecture, and each
size with vCPUs, GiB of memory, and GPUs if it has any. Bare-metal sizes are left out: each has the
vCPUs and memory of the largest virtual size. So are families that AWS Batch cannot use or that
exist for other purposes (macOS, HPC, SAP HANA, machine learning chips, FPGAs).

Source: EC2's DescribeInstanceTypes as recorded by moto 5.2, completed from the EC2 user guide for
p2, p3, g3, g3s and g4ad (2026-11). ``tests/unit/aws/model/test_instance_types.py`` compares both.
"""

SIZES = """
a1 arm64 medium=1:2 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32
c3 x86_64 large=2:3.75 xlarge=4:7.5 2xlarge=8:15 4xlarge=16:30 8xlarge=32:60
c4 x86_64 large=2:3.75 xlarge=4:7.5 2xlarge=8:15 4xlarge=16:30 8xlarge=36:60
c5,c5d x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 9xlarge=36:72 12xlarge=48:96
  18xlarge=72:144 24xlarge=96:192
c5a,c5ad x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64 12xlarge=48:96
  16xlarge=64:128 24xlarge=96:192
c5n x86_64 large=2:5.25 xlarge=4:10.5 2xlarge=8:21 4xlarge=16:42 9xlarge=36:96 18xlarge=72:192
c6a x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64 12xlarge=48:96
  16xlarge=64:128 24xlarge=96:192 32xlarge=128:256 48xlarge=192:384
c6g,c6gd,c6gn,c7g,c7gd,c7gn arm64 medium=1:2 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32
  8xlarge=32:64 12xlarge=48:96 16xlarge=64:128
c6i,c6id,c6in x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64 12xlarge=48:96
  16xlarge=64:128 24xlarge=96:192 32xlarge=128:256
c7a x86_64 medium=1:2 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64 12xlarge=48:96
  16xlarge=64:128 24xlarge=96:192 32xlarge=128:256 48xlarge=192:384
c7i x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64 12xlarge=48:96
  16xlarge=64:128 24xlarge=96:192 48xlarge=192:384
c7i-flex,c8i-flex x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64
  12xlarge=48:96 16xlarge=64:128
c8a x86_64 medium=1:2 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64 12xlarge=48:96
  16xlarge=64:128 24xlarge=96:192 48xlarge=192:384
c8g,c8gb,c8gd,c8gn,c9g,c9gd arm64 medium=1:2 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32
  8xlarge=32:64 12xlarge=48:96 16xlarge=64:128 24xlarge=96:192 48xlarge=192:384
c8i,c8ib,c8id,c8in x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64
  12xlarge=48:96 16xlarge=64:128 24xlarge=96:192 32xlarge=128:256 48xlarge=192:384
  96xlarge=384:768
c8ine x86_64 large=2:4 xlarge=4:8 2xlarge=8:16 4xlarge=16:32 8xlarge=32:64 12xlarge=48:96
d2 x86_64 xlarge=4:30.5 2xlarge=8:61 4xlarge=16:122 8xlarge=36:244
d3 x86_64 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256
d3en x86_64 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 6xlarge=24:96 8xlarge=32:128 12xlarge=48:192
g3 x86_64 4xlarge=16:122:1 8xlarge=32:244:2 16xlarge=64:488:4
g3s x86_64 xlarge=4:30.5:1
g4ad x86_64 xlarge=4:16:1 2xlarge=8:32:1 4xlarge=16:64:1 8xlarge=32:128:2 16xlarge=64:256:4
g4dn x86_64 xlarge=4:16:1 2xlarge=8:32:1 4xlarge=16:64:1 8xlarge=32:128:1 12xlarge=48:192:4
  16xlarge=64:256:1
g5,g6 x86_64 xlarge=4:16:1 2xlarge=8:32:1 4xlarge=16:64:1 8xlarge=32:128:1 12xlarge=48:192:4
  16xlarge=64:256:1 24xlarge=96:384:4 48xlarge=192:768:8
g5g arm64 xlarge=4:8:1 2xlarge=8:16:1 4xlarge=16:32:1 8xlarge=32:64:1 16xlarge=64:128:2
g6e x86_64 xlarge=4:32:1 2xlarge=8:64:1 4xlarge=16:128:1 8xlarge=32:256:1 12xlarge=48:384:4
  16xlarge=64:512:1 24xlarge=96:768:4 48xlarge=192:1536:8
g6f x86_64 large=2:8:1 xlarge=4:16:1 2xlarge=8:32:1 4xlarge=16:64:1
g7 x86_64 2xlarge=8:32:1 4xlarge=16:64:1 8xlarge=32:128:1 12xlarge=48:192:2 24xlarge=96:384:4
  48xlarge=192:768:8
g7e x86_64 2xlarge=8:64:1 4xlarge=16:128:1 8xlarge=32:256:1 12xlarge=48:512:2 24xlarge=96:1024:4
  48xlarge=192:2048:8
gr6 x86_64 4xlarge=16:128:1 8xlarge=32:256:1
gr6f x86_64 4xlarge=16:128:1
i2 x86_64 xlarge=4:30.5 2xlarge=8:61 4xlarge=16:122 8xlarge=32:244
i3,r4 x86_64 large=2:15.25 xlarge=4:30.5 2xlarge=8:61 4xlarge=16:122 8xlarge=32:244
  16xlarge=64:488
i3en x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 3xlarge=12:96 6xlarge=24:192 12xlarge=48:384
  24xlarge=96:768
i4g arm64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256 16xlarge=64:512
i4i,r6i,r6id,r6idn,r6in x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256
  12xlarge=48:384 16xlarge=64:512 24xlarge=96:768 32xlarge=128:1024
i7i,r7i x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256 12xlarge=48:384
  16xlarge=64:512 24xlarge=96:768 48xlarge=192:1536
i7ie x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 3xlarge=12:96 6xlarge=24:192 12xlarge=48:384
  18xlarge=72:576 24xlarge=96:768 48xlarge=192:1536
i8g arm64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256 12xlarge=48:384
  16xlarge=64:512 24xlarge=96:768 48xlarge=192:1536
i8ge arm64 large=2:16 xlarge=4:32 2xlarge=8:64 3xlarge=12:96 6xlarge=24:192 12xlarge=48:384
  18xlarge=72:576 24xlarge=96:768 48xlarge=192:1536
im4gn arm64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128 16xlarge=64:256
is4gen arm64 medium=1:6 large=2:12 xlarge=4:24 2xlarge=8:48 4xlarge=16:96 8xlarge=32:192
m3 x86_64 medium=1:3.75 large=2:7.5 xlarge=4:15 2xlarge=8:30
m4 x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 10xlarge=40:160 16xlarge=64:256
m5,m5a,m5ad,m5d,m5dn,m5n x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128
  12xlarge=48:192 16xlarge=64:256 24xlarge=96:384
m5zn x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 3xlarge=12:48 6xlarge=24:96 12xlarge=48:192
m6a x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128 12xlarge=48:192
  16xlarge=64:256 24xlarge=96:384 32xlarge=128:512 48xlarge=192:768
m6g,m6gd,m7g,m7gd arm64 medium=1:4 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128
  12xlarge=48:192 16xlarge=64:256
m6i,m6id,m6idn,m6in x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128
  12xlarge=48:192 16xlarge=64:256 24xlarge=96:384 32xlarge=128:512
m7a x86_64 medium=1:4 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128
  12xlarge=48:192 16xlarge=64:256 24xlarge=96:384 32xlarge=128:512 48xlarge=192:768
m7i x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128 12xlarge=48:192
  16xlarge=64:256 24xlarge=96:384 48xlarge=192:768
m7i-flex,m8i-flex x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128
  12xlarge=48:192 16xlarge=64:256
m8a x86_64 medium=1:4 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128
  12xlarge=48:192 16xlarge=64:256 24xlarge=96:384 48xlarge=192:768
m8azn x86_64 medium=1:4 large=2:8 xlarge=4:16 3xlarge=12:48 6xlarge=24:96 12xlarge=48:192
  24xlarge=96:384
m8g,m8gb,m8gd,m8gn,m9g,m9gd arm64 medium=1:4 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64
  8xlarge=32:128 12xlarge=48:192 16xlarge=64:256 24xlarge=96:384 48xlarge=192:768
m8i,m8ib,m8id,m8idb,m8idn,m8in x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64
  8xlarge=32:128 12xlarge=48:192 16xlarge=64:256 24xlarge=96:384 32xlarge=128:512 48xlarge=192:768
  96xlarge=384:1536
m8ine x86_64 large=2:8 xlarge=4:16 2xlarge=8:32 4xlarge=16:64 8xlarge=32:128 12xlarge=48:192
p2 x86_64 xlarge=4:61:1 8xlarge=32:488:8 16xlarge=64:732:16
p3 x86_64 2xlarge=8:61:1 8xlarge=32:244:4 16xlarge=64:488:8
p3dn x86_64 24xlarge=96:768:8
p4d,p4de x86_64 24xlarge=96:1152:8
p5 x86_64 4xlarge=16:256:1 48xlarge=192:2048:8
p5e,p5en,p6-b200 x86_64 48xlarge=192:2048:8
p6-b300 x86_64 48xlarge=192:4096:8
r3 x86_64 large=2:15 xlarge=4:30.5 2xlarge=8:61 4xlarge=16:122 8xlarge=32:244
r5,r5a,r5ad,r5b,r5d,r5dn,r5n x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128
  8xlarge=32:256 12xlarge=48:384 16xlarge=64:512 24xlarge=96:768
r6a x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256 12xlarge=48:384
  16xlarge=64:512 24xlarge=96:768 32xlarge=128:1024 48xlarge=192:1536
r6g,r6gd,r7g,r7gd arm64 medium=1:8 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128
  8xlarge=32:256 12xlarge=48:384 16xlarge=64:512
r7a x86_64 medium=1:8 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256
  12xlarge=48:384 16xlarge=64:512 24xlarge=96:768 32xlarge=128:1024 48xlarge=192:1536
r7iz x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256 12xlarge=48:384
  16xlarge=64:512 32xlarge=128:1024
r8a x86_64 medium=1:8 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256
  12xlarge=48:384 16xlarge=64:512 24xlarge=96:768 48xlarge=192:1536
r8g,r8gb,r8gd,r8gn,r9g,r9gd arm64 medium=1:8 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128
  8xlarge=32:256 12xlarge=48:384 16xlarge=64:512 24xlarge=96:768 48xlarge=192:1536
r8i,r8ib,r8id,r8idb,r8idn,r8in x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128
  8xlarge=32:256 12xlarge=48:384 16xlarge=64:512 24xlarge=96:768 32xlarge=128:1024
  48xlarge=192:1536 96xlarge=384:3072
r8i-flex x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 4xlarge=16:128 8xlarge=32:256 12xlarge=48:384
  16xlarge=64:512
t2 x86_64 nano=1:0.5 micro=1:1 small=1:2 medium=2:4 large=2:8 xlarge=4:16 2xlarge=8:32
t3,t3a x86_64 nano=2:0.5 micro=2:1 small=2:2 medium=2:4 large=2:8 xlarge=4:16 2xlarge=8:32
t4g arm64 nano=2:0.5 micro=2:1 small=2:2 medium=2:4 large=2:8 xlarge=4:16 2xlarge=8:32
t8i x86_64 nano=2:0.5 micro=2:1 small=2:2 medium=2:4
x1 x86_64 16xlarge=64:976 32xlarge=128:1952
x1e x86_64 xlarge=4:122 2xlarge=8:244 4xlarge=16:488 8xlarge=32:976 16xlarge=64:1952
  32xlarge=128:3904
x2gd arm64 medium=1:16 large=2:32 xlarge=4:64 2xlarge=8:128 4xlarge=16:256 8xlarge=32:512
  12xlarge=48:768 16xlarge=64:1024
x2idn x86_64 16xlarge=64:1024 24xlarge=96:1536 32xlarge=128:2048
x2iedn x86_64 xlarge=4:128 2xlarge=8:256 4xlarge=16:512 8xlarge=32:1024 16xlarge=64:2048
  24xlarge=96:3072 32xlarge=128:4096
x2iezn x86_64 2xlarge=8:256 4xlarge=16:512 6xlarge=24:768 8xlarge=32:1024 12xlarge=48:1536
x8aedz x86_64 large=2:64 xlarge=4:128 3xlarge=12:384 6xlarge=24:768 12xlarge=48:1536
  24xlarge=96:3072
x8g arm64 medium=1:16 large=2:32 xlarge=4:64 2xlarge=8:128 4xlarge=16:256 8xlarge=32:512
  12xlarge=48:768 16xlarge=64:1024 24xlarge=96:1536 48xlarge=192:3072
x8i x86_64 large=2:32 xlarge=4:64 2xlarge=8:128 4xlarge=16:256 8xlarge=32:512 12xlarge=48:768
  16xlarge=64:1024 24xlarge=96:1536 32xlarge=128:2048 48xlarge=192:3072 64xlarge=256:4096
  96xlarge=384:6144
z1d x86_64 large=2:16 xlarge=4:32 2xlarge=8:64 3xlarge=12:96 6xlarge=24:192 12xlarge=48:384
"""

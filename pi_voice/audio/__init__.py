"""Ears and mouth: sound cards, and the arithmetic between them and the wire."""

import os

# OpenBLAS starts one thread per core when numpy is imported and reserves memory for each; our
# matrices are far too small to share out. Measured on two cores: 40 MB less address space.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

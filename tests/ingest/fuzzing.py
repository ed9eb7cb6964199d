"""How many mutated files the fuzz tests make: few by themselves, `TIMES` as many with `make fuzz TIMES=500`."""

import os

TIMES = int(os.environ.get("ETHOGRAM_FUZZ", "1"))
# Mutated files of each container: 20,000 with the 100 times of `make fuzz`.
FILES = 200 * TIMES
# What was read: files and seconds, printed at the end.
COUNTS: dict[str, tuple[int, float]] = {}

"""How many mutated files the fuzz tests make: few by themselves, `TIMES` as many with `make fuzz TIMES=500`."""

import os

TIMES = int(os.environ.get("ETHOGRAM_FUZZ", "1"))

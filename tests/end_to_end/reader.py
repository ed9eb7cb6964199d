"""A reader that holds the catalogue open while others write: a script of its own. Prints JSON.

Opens the database read-only, asks several times through the same connection, closes, opens again, until the file
`stop` appears. Every look must show whole parts; which states of which corpus were seen is the report.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb
from whole_runs import look, parts_of

LOOKS = 3
PAUSE_SECONDS = 0.3  # between looks: the reader shares two cores with the runs


def main(catalogue: Path, stop: Path) -> None:
    """Look until told to stop."""
    seen: dict[str, list[object]] = {}
    opened = 0
    while not stop.exists():
        with duckdb.connect(str(catalogue), read_only=True) as con:
            opened += 1
            first = look(con)
            for _ in range(LOOKS):
                time.sleep(PAUSE_SECONDS)
                if look(con) != first:
                    raise AssertionError("an open connection saw the catalogue change")
        for corpus_id in {row[1] for row in first}:
            state = [list(row) for row in parts_of(first, corpus_id)]
            if state not in seen.setdefault(corpus_id, []):
                seen[corpus_id].append(state)
    print(json.dumps({"opened": opened, "seen": seen}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""`make bench`: time and memory of each asset, each hot path beside the least that does the same, and its bounds."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    bench_assets,
    bench_embedding,
    bench_homophily,
    bench_ingest,
    bench_lexicon,
    bench_memory,
    bench_minhash,
    bench_networks,
    bench_scale,
    bench_templates,
)
from benchmarks.dumps import unpack

PARTS: dict[str, tuple[str, Callable[[Path], int]]] = {
    "assets": ("the whole pipeline on the tree", bench_assets.run),
    "ingest": ("ingestion", lambda tree: bench_ingest.main(["--tree", str(tree)])),
    "scale": ("ingestion of what is larger than memory", lambda tree: bench_scale.main(["--tree", str(tree)])),
    "memory": (
        "memory of the whole pipeline on the tree ten times over",
        lambda tree: bench_memory.main(["--tree", str(tree)]),
    ),
    "lexicon": ("lexicons", lambda _: bench_lexicon.main([])),
    "homophily": ("homophily: 52 weeks of a million ties", lambda _: bench_homophily.main([])),
    "networks": ("homophily, selection and influence of 70,000 agents", lambda _: bench_networks.main([])),
    "templates": ("templates", lambda _: bench_templates.main([])),
    "minhash": ("near-duplicates", lambda _: bench_minhash.main([])),
    "embedding": ("embeddings", lambda _: bench_embedding.main([])),
}
"""By name, the title of each part and what runs it on the tree."""


def main() -> int:
    """Run the chosen parts; the exit status is 1 when a ratio that is promised is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    chosen = parser.parse_args().parts or PARTS
    if not os.environ.get("ETHOGRAM_REAL_DATA"):
        print("set ETHOGRAM_REAL_DATA to the folder of the real dumps (archives such as moltbook-api-v1-tree.tar.xz)")
        return 1
    status = 0
    with tempfile.TemporaryDirectory(prefix="ethogram-bench-") as folder:
        tree = unpack("moltbook-api-v1-tree", Path(folder))
        for name, (title, run) in PARTS.items():
            if name in chosen:
                print(f"\n== {title}", flush=True)
                status |= run(tree)
    return status


if __name__ == "__main__":
    sys.exit(main())

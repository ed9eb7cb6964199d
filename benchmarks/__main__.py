"""`make bench`: time and memory of each asset, each hot path beside the least that does the same, and its bounds."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import bench_assets, bench_embedding, bench_homophily, bench_ingest, bench_lexicon, bench_templates
from benchmarks.dumps import unpack

PARTS = ("assets", "ingest", "lexicon", "homophily", "templates", "embedding")


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
        if "assets" in chosen:
            print("\n== assets: the whole pipeline on the tree")
            status |= bench_assets.run(tree)
        if "ingest" in chosen:
            print("\n== ingestion")
            status |= bench_ingest.main(["--tree", str(tree)])
        if "lexicon" in chosen:
            print("\n== lexicons")
            status |= bench_lexicon.main([])
        if "homophily" in chosen:
            print("\n== homophily: 52 weeks of a million ties")
            status |= bench_homophily.main([])
        if "templates" in chosen:
            print("\n== templates")
            status |= bench_templates.main([])
        if "embedding" in chosen:
            print("\n== embeddings")
            status |= bench_embedding.main([])
    return status


if __name__ == "__main__":
    sys.exit(main())

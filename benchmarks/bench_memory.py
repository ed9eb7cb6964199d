"""Peak memory of each asset on the tree of API v1 ten times over, each step in a process of its own.

Each copy has messages, agents and names of agents of its own, and words at the end of its texts and descriptions that
no other copy has, so that texts, agents and ties grow with the copies; communities are shared and grow ten times as
large, and so do templates, since copies of a text are alike. The exit status is 1 when a step takes more than 4 GiB
(issue 5, acceptance 5). The teacher reads as many texts as ETHOGRAM_TEACHER_TEXTS says. Usage::

    python -m benchmarks.bench_memory --tree FOLDER [--copies 10] [--folder WITH_SPACE]

Ten copies need about 10 GB of free space and an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bench_assets import show_steps

COPIES = 10
MOST_BYTES = 4 << 30

Json = dict[str, Any]


def write_copies(tree: Path, folder: Path, copies: int) -> int:
    """Write the posts of a tree so many times, a file of JSON lines for each copy, and return the posts of one.

    A post is read once and written to every file, so that one post is in memory at a time.
    """
    shutil.copytree(tree, folder, ignore=shutil.ignore_patterns("posts"))
    posts = sorted((tree / "posts").glob("*.json"))
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context((folder / f"posts-{turn:02d}.jsonl").open("w")) for turn in range(copies)]
        for path in posts:
            text = path.read_bytes()
            for turn, file in enumerate(files):
                file.write(json.dumps(copied(json.loads(text), turn)) + "\n")
    return len(posts)


def copied(body: Json, turn: int) -> Json:
    """Return the body of a post as the copy of this number has it; the first copy is the tree itself."""
    if turn:
        _copy_message(body["post"], turn)
        for comment in body.get("comments") or []:
            _copy_message(comment, turn)
    return body


def _copy_message(message: Json, turn: int) -> None:
    for key in ("id", "parent_id", "post_id"):
        if message.get(key):
            message[key] = _copy_id(message[key], turn)
    _add_words(message, "content", turn)
    if author := message.get("author"):
        if author.get("id"):
            author["id"] = _copy_id(author["id"], turn)
        if author.get("name"):
            author["name"] += f"_{turn}"
        _add_words(author, "description", turn)
    for reply in message.get("replies") or []:
        _copy_message(reply, turn)


def _copy_id(identifier: str, turn: int) -> str:
    return f"{turn:08x}{identifier[8:]}"  # as other benchmarks do; the rest is random enough


def _add_words(record: Json, key: str, turn: int) -> None:
    if record.get(key):
        record[key] += f" copy{turn} of{turn}"


def main(arguments: list[str] | None = None) -> int:
    """Write the copies, run every step on them, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--folder", type=Path, help="where there is space; default: the folder of temporary files")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="ethogram-memory-") as base:
        dump = Path(base) / f"tree-{options.copies}-times"
        posts = write_copies(options.tree, dump, options.copies)
        size = sum(path.stat().st_size for path in dump.rglob("*") if path.is_file())
        print(f"{posts:,} posts {options.copies} times over: {size / 1e9:.2f} GB", flush=True)
        used = show_steps(dump, Path(base))
    worst = max(used, key=lambda key: used[key][1])
    is_kept = used[worst][1] <= MOST_BYTES
    print(
        f"most memory: {worst}, {used[worst][1] / 2**20:,.0f} MiB; {MOST_BYTES / 2**20:,.0f} allowed: "
        f"{'kept' if is_kept else 'MISSED'}"
    )
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())

"""The written tree: layout as in the real one, row accounting as announced, atomic and repeatable writing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import time
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import real_dumps

from pipeline.simulation import (
    Corpus,
    ForumTruth,
    RowAccount,
    demo_moltbook,
    generate,
    moltbook_v1,
    write_moltbook_v1,
)

SMALL = ForumTruth(n_posts=60, n_agents=40)
REAL = "moltbook-api-v1-tree"
REAL_POSTS = 400  # enough to meet every key at every depth; reading all 14,291 adds only time
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{0,5}[1-9]\+00:00")
DEMO_SECONDS = 6.0  # of processor time: `make demo` has three minutes for everything


@pytest.fixture(scope="module")
def default() -> Corpus:
    return generate(ForumTruth())


@pytest.fixture(scope="module")
def folder(default: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "demo-moltbook"
    assert write_moltbook_v1(default, folder)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def shapes(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (place, keys) of every object and (place, type) of every other value; replies count as one level."""
    if isinstance(value, dict):
        yield place, tuple(value)
        for key, inner in value.items():
            yield from shapes(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from shapes(inner, f"{place}[]".replace(".replies[]", ""))
    else:
        yield place, type(value).__name__


def written_bodies(folder: Path, kind: str) -> Iterator[Any]:
    for path in sorted((folder / kind).iterdir()):
        try:
            yield json.loads(path.read_bytes())
        except ValueError:
            continue


def real_bodies() -> dict[str, list[Any]]:
    """Read some real files, or skip where there are none and nobody promised them."""
    archive = real_dumps.archive(REAL)
    bodies: dict[str, list[Any]] = {"posts": [], "agents": [], "submolts": [], "comments": []}
    with tarfile.open(archive, "r|xz") as stream:
        for member in stream:
            kind = member.name.split("/")[1] if member.name.count("/") == 2 else ""
            if member.isfile() and kind in bodies and len(bodies[kind]) < REAL_POSTS:
                content = stream.extractfile(member)
                assert content is not None
                bodies[kind].append(json.load(content))
    return bodies


def test_layout_equals_the_real_tree(folder: Path) -> None:
    for kind, real in real_bodies().items():
        assert real, kind
        expected = {shape for body in real for shape in shapes(body)}
        found = {shape for body in written_bodies(folder, kind) for shape in shapes(body)}
        objects = {shape for shape in found if isinstance(shape[1], tuple)}
        assert objects <= {shape for shape in expected if isinstance(shape[1], tuple)}, kind
        optional = {
            ".comments[].author",
            ".post.author.owner",
            ".agent.owner",
            ".agent.description",
            ".post.url",
        }
        strange = {shape for shape in found - expected if shape[1] != "NoneType" or shape[0] not in optional}
        assert strange == set(), kind
        # Lists of other entities stay empty on purpose; everything else of the real layout is there.
        places = {place for place, keys in expected if isinstance(keys, tuple)}
        skipped = {place for place in places if place.startswith((".recentPosts", ".posts"))}
        assert places - skipped <= {place for place, _ in objects}, kind


def test_files_are_ascii_with_indent_two(folder: Path, default: Corpus) -> None:
    post_id = default.posts["message_id"][0]
    raw = (folder / "posts" / f"{post_id}.json").read_bytes()
    assert raw.isascii()
    assert raw.startswith(b'{\n  "success": true,\n  "post": {\n    "id"')
    assert any(rb"\ud83e" in path.read_bytes() for path in (folder / "posts").iterdir())
    assert {path.name for path in folder.iterdir()} == {
        "posts", "agents", "submolts", "comments", "corpus.toml", ".demo",
    }  # fmt: skip
    card = tomllib.loads((folder / "corpus.toml").read_text())
    assert (card["kind"], card["format"], card["licence"]) == ("simulation", "moltbook_api", "CC0-1.0")


def nested(comments: list[Any], depth: int = 1) -> Iterator[tuple[Any, int]]:
    for comment in comments:
        yield comment, depth
        yield from nested(comment["replies"], depth + 1)


def test_files_say_what_the_corpus_says(folder: Path, default: Corpus) -> None:
    posts = {row["message_id"]: row for row in default.posts.iter_rows(named=True)}
    comments = {row["message_id"]: row for row in default.comments.iter_rows(named=True)}
    seen: set[str] = set()
    for post_id, row in posts.items():
        body = json.loads((folder / "posts" / f"{post_id}.json").read_bytes())
        post = body["post"]
        for key in ("title", "content", "url", "upvotes", "downvotes", "comment_count"):
            assert post[key] == row[key]
        assert TIMESTAMP.fullmatch(post["created_at"])
        assert datetime.fromisoformat(post["created_at"]).replace(tzinfo=None) == row["created_at"]
        assert (post["author"]["id"], post["submolt"]["id"]) == (row["agent_id"], row["community_id"])
        below = list(nested(body["comments"]))
        assert len(below) == row["comment_count"]
        for comment, depth in below:
            planted = comments[comment["id"]]
            assert (planted["root_id"], planted["depth"]) == (post_id, depth)
            assert comment["parent_id"] == (None if depth == 1 else planted["parent_id"])
            assert comment["content"] == planted["content"]
            assert (comment["author"] or {"id": None})["id"] == planted["agent_id"]
            assert TIMESTAMP.fullmatch(comment["created_at"])
            assert comment["created_at"] < body["_downloaded_at"]
            assert datetime.fromisoformat(comment["created_at"]).replace(tzinfo=None) == planted["created_at"]
            seen.add(comment["id"])
    assert seen == comments.keys()


def test_identifiers_and_names_are_valid_and_distinct(default: Corpus) -> None:
    frames = (default.agents["agent_id"], default.communities["community_id"])
    ids = [key for ids in (*frames, default.posts["message_id"], default.comments["message_id"]) for key in ids]
    shape = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert len(set(ids)) == len(ids)
    assert all(shape.fullmatch(key) for key in ids)
    names = default.agents["name"].to_list()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,30}", name) for name in names)
    assert len({name.lower() for name in names}) == len(names)  # some file systems fold case


def count_rows(folder: Path) -> dict[str, RowAccount]:
    """Count rows with json and dictionaries: a key seen again is repeated if nothing changed, else revised."""
    known: dict[tuple[str, str], Any] = {}
    counts = {kind: dict.fromkeys(("new", "revised", "repeated"), 0) for kind in ("post", "comment")}
    unreadable = 0
    for path in sorted((folder / "posts").iterdir()):
        try:
            body = json.loads(path.read_bytes())
        except ValueError:
            unreadable += 1
            continue
        comments = [("comment", comment) for comment, _ in nested(body["comments"])]
        for kind, row in [("post", body["post"]), *comments]:
            plain = {key: value for key, value in row.items() if key != "replies"}
            before = known.setdefault((kind, row["id"]), plain)
            outcome = "new" if before is plain else "repeated" if before == plain else "revised"
            counts[kind][outcome] += 1
    rows = {kind: RowAccount(sum(found.values()), **found) for kind, found in counts.items()}
    for kind, name in (("agent", "agents"), ("community", "submolts")):
        files = len(list((folder / name).iterdir()))
        rows[kind] = RowAccount(files, files)
    return rows | {"unreadable": RowAccount(unreadable, quarantined=unreadable)}


def test_row_accounting_is_as_announced(folder: Path, default: Corpus) -> None:
    found = count_rows(folder)
    assert found | {"all": sum(found.values(), RowAccount())} == default.expected
    whole = default.expected["all"]
    assert whole.rows_read == whole.new + whole.revised + whole.repeated + whole.quarantined
    assert (default.expected["post"].revised, default.expected["post"].repeated) == (3, 1)
    assert default.expected["comment"].repeated > 0
    assert default.expected["unreadable"].quarantined == 2
    assert default.comments["agent_id"].null_count() == 2
    starts = sorted((folder / "posts").glob("00000000-*"))
    assert starts[0].read_bytes().startswith(b"{\n")
    assert starts[1].read_bytes().startswith(b"<!DOCTYPE html>")
    assert len(list((folder / "comments").iterdir())) == default.truth.n_empty_comment_files


def test_the_later_download_of_a_revised_post_has_the_new_score(folder: Path, default: Corpus) -> None:
    irregular = default.irregularities
    for post_id in (*irregular.revised_posts, *irregular.repeated_posts):
        first, later = (
            json.loads((folder / "posts" / f"{post_id}{suffix}.json").read_bytes()) for suffix in ("", "-again")
        )
        assert later["_downloaded_at"] > first["_downloaded_at"]
        assert later["comments"] == first["comments"]
        gained = moltbook_v1.SCORE_CHANGE if post_id in irregular.revised_posts else 0
        assert later["post"] == {**first["post"], "upvotes": first["post"]["upvotes"] + gained}


def test_generation_and_writing_are_deterministic(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_moltbook_v1(generate(SMALL), tmp_path / name)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    write_moltbook_v1(generate(ForumTruth(n_posts=60, n_agents=40, seed=1)), tmp_path / "three")
    assert digests(tmp_path / "one") != digests(tmp_path / "three")


def test_one_parameter_leaves_the_streams_of_other_parts_alone() -> None:
    one, two = (generate(ForumTruth(n_posts=60, enforcement_log_odds=effect)) for effect in (0.0, 1.0))
    assert one.agents.equals(two.agents)
    assert one.posts.equals(two.posts)
    assert one.comments["message_id"].equals(two.comments["message_id"])


def test_a_current_folder_is_left_alone_and_a_stale_one_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "demo-moltbook"
    assert demo_moltbook(folder, SMALL)
    stamp = folder.stat().st_mtime_ns, (folder / ".demo").stat().st_ino
    assert not demo_moltbook(folder, SMALL)
    assert not write_moltbook_v1(generate(SMALL), folder)
    assert (folder.stat().st_mtime_ns, (folder / ".demo").stat().st_ino) == stamp
    before = digests(folder)
    (folder / "posts" / "stray.json").write_text("{}")
    assert demo_moltbook(folder, ForumTruth(n_posts=60, n_agents=40, seed=2))
    assert not (folder / "posts" / "stray.json").exists()
    assert demo_moltbook(folder, SMALL)
    assert digests(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["demo-moltbook"]


def test_foreign_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(FileExistsError, match="did not write"):
        demo_moltbook(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


def test_an_interrupted_writer_leaves_the_folder_and_the_next_one_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo-moltbook"
    corpus = generate(SMALL)

    def broken(*_: Any) -> None:
        message = "disk full"
        raise OSError(message)

    with monkeypatch.context() as patch:
        patch.setattr(moltbook_v1, "_write_broken", broken)
        with pytest.raises(OSError, match="disk full"):
            write_moltbook_v1(corpus, folder)
    assert not folder.exists()
    abandoned = tmp_path / ".demo-moltbook.writing-0"
    abandoned.mkdir()
    long_ago = time.time() - 2 * moltbook_v1.ABANDONED_SECONDS
    os.utime(abandoned, (long_ago, long_ago))
    assert write_moltbook_v1(corpus, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["demo-moltbook"]


def test_the_demo_is_written_fast(tmp_path: Path) -> None:
    started = time.process_time()
    demo_moltbook(tmp_path / "demo-moltbook")
    assert time.process_time() - started < DEMO_SECONDS

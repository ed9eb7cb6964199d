"""Depths of messages, held against the definition in plain Python on random threads with every irregularity."""

import random

import duckdb
import pytest

from pipeline.ingest import merge

Node = tuple[str, str | None, str | None]  # kind, parent, root


def depths(nodes: dict[str, Node]) -> dict[str, int | None]:
    """Depth of each message: posts 0, first comments of anything that is none 1, each answer to a comment one more."""

    def depth(name: str, seen: frozenset[str]) -> int | None:
        kind, parent, root = nodes[name]
        if kind == "post" or (kind != "comment" and parent is None):
            return 0
        if parent is None or name in seen:
            return None
        if parent not in nodes:
            return 1 if kind == "comment" and parent == root else None
        above = depth(parent, seen | {name})
        if above is None:
            return None
        return 1 if kind == "comment" and nodes[parent][0] != "comment" else above + 1

    return {name: depth(name, frozenset()) for name in nodes}


def found(nodes: dict[str, Node]) -> dict[str, int | None]:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE node (message_id VARCHAR, kind VARCHAR, parent_id VARCHAR, root_id VARCHAR)")
        con.executemany("INSERT INTO node VALUES (?, ?, ?, ?)", [[name, *node] for name, node in nodes.items()])
        merge._walk(con)
        return dict(
            con.sql(
                "SELECT n.message_id, CASE WHEN d.message_id IS NULL THEN usual_depth ELSE d.depth END "
                f"FROM (SELECT *, {merge.USUAL_DEPTH} AS usual_depth FROM node) n "
                "LEFT JOIN deep d ON d.message_id = n.message_id"
            ).fetchall()
        )


def test_a_direct_reply_to_a_comment_is_as_deep_as_that_comment_and_one_more() -> None:
    nodes: dict[str, Node] = {
        "p": ("post", None, "p"), "a": ("comment", "p", "p"), "b": ("comment", "a", "a"), "c": ("comment", "b", "p"),
        "x": ("comment", "y", "y"), "y": ("comment", "x", "x"), "z": ("comment", "gone", "gone"),
    }  # fmt: skip
    assert found(nodes) == {"p": 0, "a": 1, "b": 2, "c": 3, "x": None, "y": None, "z": 1}


@pytest.mark.parametrize("seed", range(12))
def test_depths_are_those_of_the_definition(seed: int) -> None:
    draw = random.Random(seed)
    names = [f"m{i}" for i in range(60)]
    nodes: dict[str, Node] = {}
    for name in names:
        kind = draw.choice(["post", "comment", "comment", "comment", "repost", "quote"])
        parent = None if kind == "post" else draw.choice([*names, "gone", None])
        root = draw.choice([parent, parent, draw.choice(names), None])
        nodes[name] = (kind, parent, root)
    assert found(nodes) == depths(nodes)

"""What data/erase.toml lists is in no table, is accounted for, and leaves everything else as if it had never been."""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl
import pytest
from ingest_helpers import Corpus, Tables, comment, detail
from oasis_platform import Platform, random_run

from pipeline.ingest import load_config
from pipeline.ingest.erase_list import EraseListError, load_erase_list

EVE, EVE_NAME = "a0000000-0000-4000-8000-0000000000e1", "Eve"
ADA = {"id": "a0000000-0000-4000-8000-000000000001", "name": "Ada"}
AUTHOR = {"id": EVE, "name": EVE_NAME, "karma": 9, "follower_count": 4}
BO = {"id": "a0000000-0000-4000-8000-000000000002", "name": "Bo", "karma": 5, "follower_count": 2}


def comment_id(number: int) -> str:
    return "c0000000-0000-4000-8000-" + f"{number:012d}"


def write(corpus: Corpus, *, with_eve: bool = True) -> None:
    """Two threads; Eve opens the second, answers in the first, and has a record of her own."""
    answers = [comment(1, author=BO), comment(5, author=ADA)]
    if with_eve:
        reply = comment(3, author=BO, parent_id=comment_id(2))
        corpus.write("posts/1.json", detail(1, [*answers, comment(2, [reply], author=AUTHOR)]))
        corpus.write("posts/2.json", detail(2, [comment(4, author=BO)], author=AUTHOR))
        corpus.write("agents/eve.json", {"success": True, "agent": {**AUTHOR, "description": "I am Eve"}})
        corpus.write("submolts/general.json", {
            "success": True, "submolt": {"id": "s1", "name": "general", "display_name": "General",
                                         "created_by": AUTHOR, "moderators": [{**BO, "role": "moderator"}]},
        })  # fmt: skip


def erase(corpus: Corpus, text: str) -> Tables:
    (corpus.base / "erase.toml").write_text(text, encoding="utf-8")
    return corpus.read()


def everything(tables: Tables) -> str:
    frames = [frame for name, frame in tables.tables.items() if name != "source_file"]
    return "\n".join(str(row) for frame in frames for row in frame.rows())


ENTRIES = (EVE, EVE_NAME, "@Eve", "u/Eve", "name:Eve", "eVE", "hashed id", "hashed name", "hashed lower")


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_agent_goes_with_all_that_is_hers(corpus: Corpus, entry: str) -> None:
    write(corpus)
    before = corpus.read()
    assert EVE in everything(before)
    assert EVE_NAME in everything(before)
    if entry.startswith("hashed"):
        named = {"hashed id": EVE, "hashed name": EVE_NAME, "hashed lower": EVE_NAME.lower()}[entry]
        entry = "sha256:" + hashlib.sha256(named.encode()).hexdigest()
    tables = erase(corpus, f'agents = ["{entry}"]')
    assert EVE not in everything(tables)
    assert EVE_NAME not in everything(tables)
    assert sorted(tables.messages) == sorted([before_id(1), comment_id(1), comment_id(3), comment_id(4), comment_id(5)])
    assert set(tables.agents) == {ADA["id"], BO["id"]}
    assert set(tables.membership_event["agent_id"]) == {BO["id"]}
    answer = tables.messages[comment_id(3)]
    assert (answer["parent_id"], answer["depth"]) == (comment_id(2), None)
    assert tables.messages[comment_id(4)]["root_id"] == before_id(2)
    erased = tables.quarantine.filter(pl.col("reason") == "erased")
    assert erased.height == 3
    assert set(erased["detail"]) == {
        "the message is of an agent, or a message, that data/erase.toml lists",
        "the agent is of an agent, or a message, that data/erase.toml lists",
    }
    assert set(erased["excerpt"]) == {""}
    old, new = before.account(), tables.account()
    assert new[0] == old[0]
    assert (new[1], new[4]) == (old[1] - 3, old[4] + 3)


def before_id(number: int) -> str:
    return f"0a000000-0000-4000-8000-{number:012d}"


def without_positions(tables: Tables) -> dict[str, list[Any]]:
    names = ("message", "message_snapshot", "agent", "agent_snapshot", "community", "community_snapshot",
             "membership_event")  # fmt: skip
    return {
        name: sorted(map(str, tables.tables[name].drop("source_row", "source_file_id", strict=False).rows()))
        for name in names
    }


def test_the_tables_are_those_of_a_dump_without_the_rows(corpus: Corpus, tmp_path_factory: Any) -> None:
    def files(made: Corpus, *, with_eve: bool) -> None:
        answers = [comment(1, author=BO), *([comment(2, author=AUTHOR)] if with_eve else []), comment(5, author=ADA)]
        made.write("posts/1.json", detail(1, answers))
        if with_eve:
            made.write("posts/2.json", detail(2, [], author=AUTHOR))

    files(corpus, with_eve=True)
    other = Corpus(tmp_path_factory.mktemp("never"))
    files(other, with_eve=False)
    erased = erase(corpus, f'agents = ["{EVE}"]')
    assert without_positions(erased) == without_positions(other.read())
    assert without_positions(corpus.read()) == without_positions(erased)
    by_message = erase(corpus, f'messages = ["{comment_id(2)}", "{before_id(2)}"]')
    assert without_positions(by_message) == without_positions(erased)


def test_a_message_goes_and_its_author_stays_where_others_are_hers(corpus: Corpus) -> None:
    corpus.write("posts/1.json", detail(1, [comment(n, author=BO) for n in (1, 2, 3)]))
    before = corpus.read()
    tables = erase(corpus, f'messages = ["{comment_id(1)}", "{comment_id(3)}"]')
    assert sorted(tables.messages) == sorted([before_id(1), comment_id(2)])
    assert tables.agents[BO["id"]]["karma"] == 5
    assert set(tables.message_snapshot["message_id"]) == {before_id(1), comment_id(2)}
    assert before.account()[0] == tables.account()[0] == 4
    assert tables.reasons() == ["erased", "erased"]


def test_events_on_either_side_go(corpus: Corpus) -> None:
    random_run(Platform(corpus.folder / "run.db"), 9, 60)
    before = corpus.read()
    agent = before.tie_event["target_id"][0]
    message = before.message.filter(pl.col("agent_id") != agent)["message_id"][0]
    tables = erase(corpus, f'agents = ["{agent}"]\nmessages = ["{message}"]')
    theirs = {*before.message.filter(pl.col("agent_id") == agent)["message_id"], message}
    for name in ("tie_event", "reaction", "exposure", "membership_event"):
        frame = before.tables[name]
        ends = [c for c in ("source_id", "target_id", "agent_id", "target_agent_id") if c in frame.columns]
        is_gone = pl.any_horizontal(pl.col(c) == agent for c in ends)
        if "message_id" in frame.columns:
            is_gone |= pl.col("message_id").is_in(list(theirs))
        kept = frame.filter(~is_gone.fill_null(value=False))
        assert tables.tables[name].height == kept.height, name
        # A random run has no reactions and no groups.
        assert kept.height < frame.height or name in ("reaction", "membership_event"), name
    assert not set(tables.messages) & theirs
    assert agent not in tables.agents
    assert tables.account()[0] == before.account()[0]
    assert tables.account()[4] - before.account()[4] == tables.reasons().count("erased") > 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agents = [1]", "key 'agents': expected a list of ids in quotation marks"),
        ('agent = ["x"]', "unknown key agent; the keys are agents, messages"),
        ('messages = ["sha256:abc"]', "entry 1: expected sha256: and the 64 lower-case hexadecimal digits"),
        ("agents = [", "not valid TOML"),
    ],
)
def test_a_list_that_cannot_be_used_stops_everything(corpus: Corpus, text: str, message: str) -> None:
    write(corpus)
    with pytest.raises(EraseListError, match=message):
        erase(corpus, text)


def test_no_list_is_an_empty_list_and_the_digest_says_nothing(corpus: Corpus) -> None:
    assert not load_erase_list(corpus.base)
    assert load_erase_list(corpus.base).digest() == ""
    (corpus.base / "erase.toml").write_text('agents = ["Eve", "@Eve"]\n', encoding="utf-8")
    config = load_config(corpus.folder, "corpus")
    assert config.erase.agents == ("Eve",)
    assert "Eve" not in config.erase.digest()
    assert len(config.erase.digest()) == 16


def test_no_path_names_who_is_erased(corpus: Corpus) -> None:
    write(corpus)
    corpus.write(f"agents/{EVE}.json", "{broken")
    corpus.write(f"comments/{before_id(2)}.json", {"post_id": before_id(2), "comments": [comment(9, author=BO)]})
    before = corpus.read()
    tables = erase(corpus, f'agents = ["{EVE}"]')
    names = [*tables.source_file["path"], *tables.quarantine["path"]]
    for token in (EVE, "eve", before_id(2)):
        assert not [name for name in names if token in name.lower()], token
    assert {"posts/1.json", "submolts/general.json"} <= set(names)
    assert tables.source_file["path"].is_unique().all()
    assert sorted(tables.source_file["source_file_id"]) == sorted(before.source_file["source_file_id"])
    assert set(tables.quarantine["path"]) <= set(tables.source_file["path"])

"""Chirper.ai: the real Masquerade-23 archive, and constructed pages whose every value is known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import count_chirper
import polars as pl
import pytest
from ingest_helpers import Corpus, Row, Tables

NAME = "chirper-masquerade23"
EVENT_TABLES = ("tie_event", "reaction", "membership_event", "message", "agent", "community", "quarantine")


def page(handle: str, **changes: object) -> Row:
    """Return an account of the English layout."""
    body: Row = {
        "user_name": handle.title(), "user_herf": f"https://chirper.ai/{handle}", "follower_num": "1.2K",
        "tweet_num": 2, "user_bio": "A bot", "task_list": None, "tweet_index": [], "tweet_source": [],
        "tweet_time_lag": [], "tweet_content": [], "action_list": None, "time_stamp": "Tue Jun 20 14:46:43 2023",
        "identity_label": None, "sub-channel": "en",
    }  # fmt: skip
    return {**body, **changes}


def items(*rows: tuple[str, str, str, str]) -> Row:
    names = ("tweet_index", "tweet_source", "tweet_time_lag", "tweet_content")
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def test_items_of_an_english_page(corpus: Corpus) -> None:
    rows = (
        ("i1", "Ada@ada", "2 months", "plain"),
        ("i2", "Ada@ada", "/c/anime", "a dayGreetings"),
        ("i3", "@bo", "7 days", "7 days are a week"),
        ("i4", "un", "Deleted...", "11 days"),
        ("i5", "A@B@cy", "3 hours", "other"),
        ("", "Ada@ada", "no time", "unread"),
    )
    corpus.lines("chirper_user_en.json", [page("ada", **items(*rows))])
    tables = corpus.read()
    found = {
        key: (m["agent_id"], m["content"], str(m["created_at"]), m["at_precision"], m["community_id"])
        for key, m in tables.messages.items()
    }
    assert found.pop(next(key for key in found if key.startswith("hash:")))[1:4] == ("unread", "None", None)
    assert found == {
        "i1": ("ada", "plain", "2023-04-01 00:00:00", "month", None),
        "i2": ("ada", "Greetings", "2023-06-19 00:00:00", "day", "anime"),
        "i3": ("bo", "7 days are a week", "2023-06-13 00:00:00", "day", None),
        "i4": (None, None, "2023-06-09 00:00:00", "day", None),
        "i5": ("cy", "other", "2023-06-20 11:00:00", "hour", None),
    }
    assert tables.messages["i4"]["is_deleted"] is True
    assert tables.messages["i1"]["extra"] == '{"lang":"en","time_lag":"2 months"}'
    assert (tables.agents["ada"]["followers"], tables.agents["ada"]["persona"]) == (1200, "A bot")
    assert (tables.agents["cy"]["display_name"], tables.agents["bo"]["display_name"]) == ("A@B", None)
    assert tables.messages["i1"]["observed_at"] == datetime(2023, 6, 20, 14, 46, 43)


def test_items_of_a_german_page(corpus: Corpus) -> None:
    texts = (
        "Ada\n/c/fitness\n8 Tage\nTitel\nText\nMehr anzeigen...\nlink\n1\n0",
        "Emilia\nein Monat\nBeitrag\n\n2. Absatz\n5\n0",
        "un\nGelöscht…\n/c/truth\n3 Stunden\nWeg\n0\n0",
        "@bo\n2 Monate\nHallo\n0\n1",
    )
    made = page("ada", tweet_index=["g1", "g2", "g3", "g4"], tweet_content=list(texts))
    made.update({"user_herf": "https://chirper.ai/de/ada?tab=activity", "sub-channel": "de", "follower_num": 7})
    corpus.lines("chirper_user_de.json", [{k: v for k, v in made.items() if k not in ("tweet_source",)}])
    for message in (tables := corpus.read()).messages.values():
        assert message["at_precision"] in ("day", "month", "hour")
    got = {key: (m["agent_id"], m["content"], m["community_id"]) for key, m in tables.messages.items()}
    assert got == {
        "g1": ("ada", "Titel\nText\nlink", "fitness"),
        "g2": (None, "Beitrag\n\n2. Absatz", None),
        "g3": (None, "Weg", "truth"),
        "g4": ("bo", "Hallo", None),
    }
    assert '"source":"Emilia"' in tables.messages["g2"]["extra"]
    assert '"counts":"5 0"' in tables.messages["g2"]["extra"]
    assert tables.agents["ada"]["followers"] == 7


def test_a_text_in_place_of_a_list_is_a_list_of_one(corpus: Corpus) -> None:
    one = {"tweet_index": 7, "tweet_source": "Ada@ada", "tweet_time_lag": "7 days", "tweet_content": "one text"}
    missing = {"tweet_content": "None", "action_list": "", "tweet_index": None}
    rows = [page("ada", **one, action_list="Ada followed @bo\na day"), page("cy", **missing)]
    corpus.lines("chirper_user_en.json", rows)
    tables = corpus.read()
    found = {key: (m["agent_id"], m["content"], m["at_precision"]) for key, m in tables.messages.items()}
    assert found == {"7": ("ada", "one text", "day")}
    assert tables.tie_event.select("source_id", "target_id").rows() == [("ada", "bo")]
    assert tables.account() == (4, 4, 0, 0, 0)


@pytest.mark.parametrize(("written", "number"), [("1.2k", 1200), ("1.2K", 1200), ("3m", 3_000_000), ("3M", 3_000_000)])
def test_rounded_counts(corpus: Corpus, written: str, number: int) -> None:
    corpus.lines("chirper_user_en.json", [page("ada", follower_num=written)])
    assert corpus.read().agents["ada"]["followers"] == number


def test_actions_become_events(corpus: Corpus) -> None:
    actions = [
        "Ada liked @bo's chirp\n2 months", "Ada liked @bo's chirp\n2 months", "Ada@ada disliked Bo's chirp\na day",
        "@ada followed Bo\na month", "Ada followed Twin\na month", "Ada unfollowed @cy\n3 hours",
        "Ada followed Deleted...\n2 days", "Ada joined /c/anime\n7 days", "Ada folgt nicht mehr @cy\nein Monat",
        "Ada gefällt nicht Bo's chirp\n2 Tage", "Ada dreamt of sheep\n2 days",
    ]  # fmt: skip
    twins = [page("t1", user_name="Twin"), page("t2", user_name="Twin")]
    corpus.lines("chirper_user_en.json", [page("ada", action_list=actions), page("bo"), *twins])
    tables = corpus.read()
    assert tables.account() == (15, 12, 0, 1, 2)
    assert sorted(tables.reasons()) == ["incomplete_event", "unknown_shape"]
    reactions = tables.reaction.select("agent_id", "target_agent_id", "type", "at_precision").sort(
        "type", "at_precision"
    )
    assert reactions.rows() == [
        ("ada", "bo", "dislike", "day"), ("ada", "bo", "dislike", "day"), ("ada", "bo", "like", "month"),
    ]  # fmt: skip
    ties = tables.tie_event.select("source_id", "target_id", "action", "at", "at_precision").sort("target_id", "at")
    assert ties.rows() == [
        ("ada", "bo", "add", datetime(2023, 5, 1), "month"),
        ("ada", "cy", "remove", datetime(2023, 5, 1), "month"),
        ("ada", "cy", "remove", datetime(2023, 6, 20, 11), "hour"),
        ("ada", "name:Twin", "add", datetime(2023, 5, 1), "month"),
    ]
    assert tables.membership_event.select("agent_id", "community_id", "action", "at").rows() == [
        ("ada", "anime", "join", datetime(2023, 6, 13))
    ]


def test_tweets_of_a_csv_and_what_they_repeat(corpus: Corpus) -> None:
    corpus.write(
        "chirper_jp.csv",
        "user_name,user_herf,time,text,shared_src,retweeted_user,retweeted_user_herf,retweeted_time,retweeted_text,"
        "retweeted_img_src\n"
        "@ada,https://chirper.ai/ja/ada,Fri Jun 16 13:39:47 2023,one,,,,,,\n"
        "@ada,https://chirper.ai/ja/ada,Fri Jun 16 13:39:47 2023,one,,,,,,\n"
        "@bo,https://chirper.ai/ja/bo,Fri Jun 16 14:39:47 2023,look,http://x.y,@ada,https://chirper.ai/ja/ada,"
        "Fri Jun 16 13:39:47 2023,one,\n",
    )
    tables = corpus.read()
    assert tables.account() == (4, 2, 0, 2, 0)
    quote = tables.message.filter(pl.col("kind") == "quote").row(0, named=True)
    original = tables.message.filter(pl.col("kind") == "post").row(0, named=True)
    assert (quote["parent_id"], quote["root_id"], quote["depth"]) == (original["message_id"], original["message_id"], 1)
    assert (original["agent_id"], original["at_precision"], original["extra"]) == ("ada", "minute", '{"lang":"ja"}')


@pytest.mark.parametrize(
    "bad",
    [
        {"user_herf": "x", "tweet_index": [], "action_list": []},
        {"user_herf": None, "tweet_index": None},
        [1],
        {
            "user_herf": "https://chirper.ai/x",
            "tweet_index": "no list",
            "action_list": {"a": 1},
            "tweet_content": [None],
        },
    ],
)
def test_odd_objects_are_quarantined_or_read_never_lost(corpus: Corpus, bad: object) -> None:
    corpus.lines("chirper_user_en.json", [page("ada"), bad])
    tables = corpus.read()
    assert tables.account()[0] >= 2
    assert "ada" in tables.agents


def read_real(corpus: Corpus, folder: Path, threads: int) -> Tables:
    corpus.folder = folder
    return corpus.read(threads=threads)


def test_the_real_archive_is_accounted_for(corpus: Corpus, real_dump: Callable[[str], Path], tmp_path: Path) -> None:
    folder = real_dump(NAME)
    tables = read_real(corpus, folder, 1)
    counted = count_chirper.count_folder(folder)
    assert {path: row["rows_read"] for path, row in tables.files.items() if row["status"] == "read"} == counted
    assert sum(counted.values()) == 24_214

    ids = count_chirper.chirp_ids(folder)
    assert ids <= set(tables.messages)
    assert set(tables.messages) - ids == {key for key in tables.messages if key.startswith("hash:")}
    assert tables.reasons() == ["incomplete_event"] * 123  # ties to accounts that are gone

    units = count_chirper.units(folder / "chirper_user_en.json")
    assert len(units) == 13_278
    assert {chirp: tables.messages[chirp]["at_precision"] for chirp in units} == units
    assert 0.79 < sum(unit == "month" for unit in units.values()) / len(units) < 0.83
    assert tables.message["created_at"].null_count() == 3

    verbs = count_chirper.verbs(folder / "chirper_user_en.json")
    assert "?" not in verbs
    read = tables.files["chirper_user_en.json"]
    assert read["rows_read"] == 500 + len_items(folder) + verbs.total()

    again = tmp_path / "again"
    shutil.copytree(folder, again)
    (again / "chirper_user_en.json").rename(again / "a_user_en.json")
    other = read_real(corpus, again, 4)
    for table in EVENT_TABLES[:6]:
        names = [c for c in tables.tables[table].columns if c not in ("source_file_id", "source_row")]
        left, right = (t.tables[table].select(names).sort(names) for t in (tables, other))
        assert left.equals(right), table


def len_items(folder: Path) -> int:
    return sum(count_chirper.items(account) for account in count_chirper.accounts(folder / "chirper_user_en.json"))

"""Sections on what was read: the heading of the page, the accounting of rows, what is in the corpus, its texts."""

from __future__ import annotations

from typing import Any

import polars as pl

from pipeline.report.html.charts import Line, line_chart
from pipeline.report.html.markup import Html, corpus_text, join, tag
from pipeline.report.html.numbers import moment, number, percent, plural
from pipeline.report.html.page import Column, Glossary, Section, empty, figure, more, table
from pipeline.report.html.source import Row, Source
from pipeline.schema import FILE_STATUS, QUARANTINE_REASONS

_CORPUS = "SELECT * FROM corpus.corpus WHERE corpus_id = $corpus_id"
_RUNS = "SELECT * FROM corpus.run WHERE corpus_id = $corpus_id ORDER BY run_id"
_KINDS = (
    "SELECT kind, count(*) AS n FROM corpus.message WHERE corpus_id = $corpus_id GROUP BY kind ORDER BY n DESC, kind"
)
_OBJECTS = """
SELECT (SELECT count(*) FROM corpus.agent WHERE corpus_id = $corpus_id) AS agents,
       (SELECT count(*) FROM corpus.community WHERE corpus_id = $corpus_id) AS communities,
       (SELECT count(*) FROM corpus.tie_event WHERE corpus_id = $corpus_id) AS tie_events,
       (SELECT count(*) FROM corpus.reaction WHERE corpus_id = $corpus_id) AS reactions
"""
_FILES = """
SELECT path, status, format, rows_read, new, revised, repeated, quarantined, reason,
       rows_read = new + revised + repeated + quarantined AS holds
FROM corpus.source_file WHERE corpus_id = $corpus_id ORDER BY rows_read DESC, path
"""
_ACCOUNT = """
SELECT status, count(*) AS files, CAST(sum(rows_read) AS BIGINT) AS rows_read, CAST(sum(new) AS BIGINT) AS new,
       CAST(sum(revised) AS BIGINT) AS revised, CAST(sum(repeated) AS BIGINT) AS repeated,
       CAST(sum(quarantined) AS BIGINT) AS quarantined,
       count(*) FILTER (WHERE rows_read <> new + revised + repeated + quarantined) AS broken
FROM corpus.source_file WHERE corpus_id = $corpus_id GROUP BY status ORDER BY rows_read DESC, status
"""
_QUARANTINE = """
SELECT reason, count(*) AS n, min(path) AS path FROM corpus.quarantine WHERE corpus_id = $corpus_id
GROUP BY reason ORDER BY n DESC, reason
"""
_SPAN = """
SELECT epoch(max(created_at)) - epoch(min(created_at)) AS span, count(created_at) AS timed, count(step) AS stepped,
       count(*) AS n,
       count(*) FILTER (WHERE created_at IS NOT NULL AND at_precision IN ('day', 'week', 'month')) AS coarse,
       count(*) FILTER (WHERE created_at IS NOT NULL AND at_precision IN ('week', 'month')) AS coarser,
       min(step) AS first_step, max(step) AS last_step
FROM corpus.message WHERE corpus_id = $corpus_id
"""
_BY_TIME = """
SELECT date_trunc($bin, created_at) AS at, kind, count(*) AS n FROM corpus.message
WHERE corpus_id = $corpus_id AND created_at IS NOT NULL GROUP BY ALL ORDER BY ALL
"""
_BY_STEP = """
SELECT step // $bin * $bin AS at, kind, count(*) AS n FROM corpus.message
WHERE corpus_id = $corpus_id AND step IS NOT NULL GROUP BY ALL ORDER BY ALL
"""
_COMMUNITIES = """
WITH placed AS (
    SELECT m.corpus_id, m.kind, m.agent_id, coalesce(m.community_id, p.community_id) AS community_id
    FROM corpus.message m LEFT JOIN corpus.message p
        ON p.corpus_id = m.corpus_id AND p.message_id = m.root_id AND m.message_id <> m.root_id
    WHERE m.corpus_id = $corpus_id
)
SELECT m.community_id, min(c.title) AS title, count(*) AS messages, count(*) FILTER (WHERE m.kind = 'post') AS posts,
       count(DISTINCT m.agent_id) AS agents
FROM placed m LEFT JOIN corpus.community c USING (corpus_id, community_id)
WHERE m.community_id IS NOT NULL GROUP BY m.community_id
ORDER BY messages DESC, m.community_id LIMIT 10
"""
_AGENTS = """
SELECT m.agent_id, min(a.name) AS name, count(*) AS messages, count(*) FILTER (WHERE m.kind = 'post') AS posts
FROM corpus.message m LEFT JOIN corpus.agent a USING (corpus_id, agent_id)
WHERE m.corpus_id = $corpus_id AND m.agent_id IS NOT NULL GROUP BY m.agent_id
ORDER BY messages DESC, m.agent_id LIMIT 10
"""
_COPIED = """
SELECT substr(text, 1, 4000) AS text, copies, n_tokens FROM feature.text
WHERE corpus_id = $corpus_id AND copies > 1 AND n_chars > 1 ORDER BY copies DESC, text_hash LIMIT 10
"""
_COARSE_SHARE = 0.05  # one message in twenty of coarse time would show as a false peak
_FINE_SECONDS, _DAILY_SECONDS = 14 * 86_400, 730 * 86_400
_MOST_STEPS = 150
_FILES_SHOWN = 12
_STYLES = {"post": "s-a", "comment": "s-b", "repost": "s-c", "quote": "s-d", "utterance": "s-e"}


def header(source: Source) -> tuple[str, Html]:
    """Return the title of the corpus and the head of its page.

    Raises
    ------
    ValueError
        When the corpus is not in the catalogue.
    """
    found = source.rows(_CORPUS)
    if not found:
        raise ValueError(
            f"corpus {source.corpus_id} is not in the catalogue; run `make run CORPUS={source.corpus_id}` first"
        )
    row = found[0]
    objects = source.rows(_OBJECTS)[0]
    facts = [(f"{kind_name(kind['kind'])}", kind["n"]) for kind in source.rows(_KINDS)]
    facts += [(name.replace("_", " "), objects[name]) for name in objects if objects[name] or name == "agents"]
    title = str(row["title"] or source.corpus_id)
    return title, join((
        tag("p", "Ethogram · corpus ", tag("code", source.corpus_id), class_="kicker"),
        tag("h1", corpus_text(title, 120)),
        tag("p", _window(row), " Read as ", tag("code", row["format"]), f", kind: {row['kind']}. Licence: ",
            corpus_text(row["licence"] or "not stated", 120), ".", class_="soft"),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", number(value))) for name, value in facts), class_="facts"),
        _warnings(row),
    ))  # fmt: skip


def kind_name(kind: object) -> str:
    """Return the plural of a kind of message."""
    return {"dm": "direct messages"}.get(str(kind), f"{kind}s")


def _window(row: Row) -> str:
    if row["first_at"] is None:
        return "The clock counts steps." if row["clock"] == "step" else "No message has a time."
    return f"Messages from {moment(row['first_at'])} to {moment(row['last_at'])} UTC."


def _warnings(row: Row) -> Html | None:
    sentences = Glossary().sentences(row["warnings"])
    return tag("div", tag("p", "Holds for the whole corpus:"), sentences, class_="flag") if sentences else None


def accounting(source: Source) -> Section:
    """Return the section on what became of every record."""
    account = source.rows(_ACCOUNT)
    if not account:
        return Section("accounting", "What was read", [empty("No file is recorded for this corpus.")])
    n_files, n_rows, n_broken = (sum(row[key] or 0 for row in account) for key in ("files", "rows_read", "broken"))
    holds = (
        "For every file, records read = new + revised + repeated + quarantined."
        if n_broken == 0
        else f"The accounting does not hold for {plural(n_broken, 'file')}: do not trust its tables."
    )
    names = ("files", "rows_read", "new", "revised", "repeated", "quarantined")
    heads = ("Files", "Records", "New", "Revised", "Repeated", "Quarantined")
    columns = [Column("Status"), *(Column(head, "n") for head in heads), Column("Meaning", "wide")]
    rows = [
        [str(row["status"]).replace("_", " "), *(number(row[k]) for k in names), FILE_STATUS.get(row["status"], "")]
        for row in account
    ]
    blocks: list[object] = [
        tag("p", f"{plural(n_files, 'file')}, {plural(n_rows, 'record')}. {holds}"),
        table("Records by what became of their file", columns, rows),
        _quarantine(source),
        _files(source),
    ]
    return Section("accounting", "What was read", [*blocks, _runs(source)])


def _quarantine(source: Source) -> Html | None:
    rows = source.rows(_QUARANTINE)
    if not rows:
        return tag("p", "No record was set aside.")
    columns = (Column("Reason"), Column("Records", "n"), Column("What it means", "wide"), Column("For example in"))
    cells = [
        [str(r["reason"]).replace("_", " "), number(r["n"]), QUARANTINE_REASONS.get(r["reason"], ""),
         tag("code", corpus_text(r["path"], 80))]
        for r in rows
    ]  # fmt: skip
    return table("Records set aside (quarantine)", columns, cells)


def _files(source: Source) -> Html | None:
    frame = source.frame(_FILES)
    names = ("rows_read", "new", "revised", "repeated", "quarantined")
    heads = ("Records", "New", "Revised", "Repeated", "Quarantined")
    columns = (Column("File"), Column("Status"), *(Column(head, "n") for head in heads))
    cells = [
        [
            tag("code", corpus_text(row["path"], 80)),
            str(row["status"]).replace("_", " "),
            *(number(row[k]) for k in names),
        ]
        for row in frame.head(_FILES_SHOWN).iter_rows(named=True)
    ]
    shown = f"The {len(cells)} largest of {frame.height:,} files" if frame.height > len(cells) else "Files"
    return more("File by file", table(shown, columns, cells))


def _runs(source: Source) -> Html | None:
    rows = source.rows(_RUNS)
    if len(rows) < 2 and not any(row["model"] or row["scenario"] for row in rows):
        return None
    names = ("run_id", "system", "scenario", "model", "seed", "clock")
    cells = [[corpus_text(row[name], 60) for name in names] for row in rows]
    return table("Runs", [Column(name.replace("_id", "").capitalize()) for name in names], cells)


def activity(source: Source) -> Section:
    """Return the section on messages over time, and on where and by whom they were written."""
    return Section("activity", "Activity", [_over_time(source), _communities(source), _agents(source), _copied(source)])


def _over_time(source: Source) -> Html:
    span = source.rows(_SPAN)[0]
    if span["timed"]:
        name = _bin(span)
        frame, unit = source.frame(_BY_TIME, bin=name), f"per {name} (UTC)"
        without = span["n"] - span["timed"]
    elif span["stepped"]:
        width = max(1, -(-(span["last_step"] - span["first_step"] + 1) // _MOST_STEPS))
        frame, unit = source.frame(_BY_STEP, bin=width), "per step" if width == 1 else f"per {width} steps"
        without = span["n"] - span["stepped"]
    else:
        return empty("No message has a time or a step: there is no activity over time to show.")
    lines = [
        Line(kind_name(kind), *_filled(part, frame["at"]), _STYLES.get(kind, "s-soft"))
        for kind in (*_STYLES, *sorted(set(frame["kind"]) - _STYLES.keys()))
        if (part := frame.filter(pl.col("kind") == kind)).height
    ]
    caption = f"Messages {unit}, by kind."
    if without:
        caption += (
            f" {without:,} of {span['n']:,} messages ({percent(without / span['n'])}) have none and are not drawn."
        )
    return figure(line_chart("Activity over time", caption, lines), caption)


def _filled(part: pl.DataFrame, places: pl.Series) -> tuple[list[Any], list[float | None]]:
    """Return places and counts with zeros at the borders of every gap, so that a line falls where nothing was said."""
    width = places.unique().sort().diff().min()
    counts = dict(zip(part["at"], part["n"], strict=True))
    wanted = set(places)
    for place in counts:
        wanted |= {place - width, place + width} if width else set()
    inside = sorted(place for place in wanted if places.min() <= place <= places.max())
    return inside, [float(counts.get(place, 0)) for place in inside]


def _bin(span: Row) -> str:
    if span["coarser"] > _COARSE_SHARE * span["timed"]:
        return "month"
    if span["span"] >= _DAILY_SECONDS:
        return "week"
    return "day" if span["coarse"] > _COARSE_SHARE * span["timed"] or span["span"] >= _FINE_SECONDS else "hour"


def _communities(source: Source) -> Html:
    rows = source.rows(_COMMUNITIES)
    if not rows:
        return empty("No message belongs to a community.")
    columns = (Column("Community"), Column("Messages", "n"), Column("Posts", "n"), Column("Agents", "n"))
    cells = [
        [_named(r["title"], r["community_id"]), number(r["messages"]), number(r["posts"]), number(r["agents"])]
        for r in rows
    ]
    return table("Largest communities, by messages", columns, cells)


def _named(name: object, key: object) -> Html:
    if name is None or str(name).casefold() == str(key).casefold():
        return corpus_text(key, 60)
    return join((corpus_text(name, 60), " ", tag("span", corpus_text(key, 40), class_="soft small")))


def _agents(source: Source) -> Html | None:
    kind = source.rows(_CORPUS)[0]["kind"]
    if kind == "human":
        return empty("The most active authors are not listed: this corpus is of people.")
    rows = source.rows(_AGENTS)
    if not rows:
        return empty("No message names its author.")
    columns = (Column("Agent"), Column("Messages", "n"), Column("Posts", "n"))
    cells = [[corpus_text(r["name"] or r["agent_id"], 60), number(r["messages"]), number(r["posts"])] for r in rows]
    return more("Most active agents", table("Most active agents, by messages", columns, cells))


def _copied(source: Source) -> Html:
    rows = source.rows(_COPIED)
    if not rows:
        return empty("No text occurs twice.")
    columns = (Column("Text (title, then body; cut)"), Column("Copies", "n"), Column("Tokens", "n"))
    cells = [[corpus_text(row["text"]), number(row["copies"]), number(row["n_tokens"])] for row in rows]
    return more("Most copied texts", table("Texts that occur most often, word for word", columns, cells))

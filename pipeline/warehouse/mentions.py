"""Texts in which whoever is known, and every address, is a pseudonym.

What belongs here: finding names inside texts and replacing them, by joins over all texts of a table at once. A text is
cut at whatever may be a name; the distinct pieces are looked up, and only texts that hold a known one are put together
again.

What is found: e-mail addresses, wallets, telephone numbers; ids of agents and messages; handles of agents and of
their owners after an ``@``, ``u/`` or the address of a profile; and handles that are no ordinary word (with a digit, a
hyphen, an underscore, a full stop or a capital inside) wherever they stand. A handle that is an ordinary word, such as
``Ada``, is found only where it is plainly a mention: to replace every such word would ruin the texts.
"""

from __future__ import annotations

import duckdb

from pipeline.warehouse.redact_patterns import ADDRESSES
from pipeline.warehouse.session import sql_literal

# Letters of a handle: those of most platforms, and after an @ whatever is not ASCII.
_PLAIN = "[A-Za-z0-9_.%-]"
_WORD = r"[A-Za-z0-9_.%\x{80}-\x{10FFFF}-]"
_PREFIX = r"@|u/|(?:x|twitter|moltbook)\.com/(?:u/)?@?"
_MENTION = rf"(?:@|\bu/|\b(?:x|twitter|moltbook)\.com/(?:u/)?@?){_WORD}+"
_UNUSUAL = (
    rf"[A-Za-z0-9]+[_.%-]{_PLAIN}+|[A-Za-z0-9]+_|[A-Za-z]+[0-9]{_PLAIN}*|[0-9]+[A-Za-z]{_PLAIN}*"
    rf"|[A-Za-z]*[a-z][A-Z]{_PLAIN}*|_{_PLAIN}+"
)
_LEAST_UNUSUAL = 5
_MARK = "chr(1)"
_NAMES = f"{_MENTION}|{_UNUSUAL}"
_ADDRESSES = "|".join(pattern.regex for pattern in ADDRESSES)
_ADDRESS_HINT = "|".join(pattern.hint for pattern in ADDRESSES)

_KNOWN = """
CREATE OR REPLACE TABLE memory.known AS
WITH owner AS (
    SELECT ltrim(owner_handle, '@') AS token, pseudonym('owner', lower(ltrim(owner_handle, '@'))) AS new, 3 AS rank
    FROM memory.named_agent WHERE owner_handle IS NOT NULL
), spelt AS (
    SELECT name AS token, pseudonym('agent', agent_id) AS new, 1 AS rank FROM memory.named_agent
    UNION ALL SELECT agent_id, pseudonym('agent', agent_id), 1 FROM memory.named_agent
    UNION ALL SELECT token, new, rank FROM owner
    UNION ALL SELECT message_id, pseudonym('message', message_id), 5 FROM memory.named_message
), both_cases AS (
    SELECT token, new, rank FROM spelt UNION ALL SELECT lower(token), new, rank + 1 FROM spelt
)
SELECT token, arg_min(new, (rank, new)) AS new FROM both_cases WHERE token IS NOT NULL AND token <> '' GROUP BY token
"""

_PIECES = """
CREATE OR REPLACE TABLE memory.piece AS
SELECT key, unnest(pieces) AS piece, generate_subscripts(pieces, 1) AS place
FROM (SELECT key, string_split(regexp_replace(replace(text, {mark}, ''), {cut}, {mark} || '\\0' || {mark}, 'g'), {mark})
      AS pieces FROM memory.wanted_text WHERE regexp_matches(text, {hint}))
"""
_ADDRESS_SWAP = """
CREATE OR REPLACE TABLE memory.swap AS
SELECT piece, pseudonym({kind}, lower(piece)) AS new
FROM (SELECT DISTINCT piece FROM memory.piece WHERE place % 2 = 0)
"""
# What is no part of a name, unless somebody is called so: a full stop or hyphen that ends a sentence, another script
# that follows without a space, a word after a full stop, the underscores of emphasis.
_NAME_SWAP = r"""
CREATE OR REPLACE TABLE memory.swap AS
WITH parsed AS (
    SELECT piece, regexp_extract(piece, {prefix}, 1) AS prefix, regexp_extract(piece, {prefix}, 2) AS name
    FROM (SELECT DISTINCT piece FROM memory.piece WHERE place % 2 = 0)
), plain AS (
    SELECT *, rtrim(name, '.-%') AS ended, rtrim(regexp_extract(name, '^[A-Za-z0-9_.%-]+'), '.-%') AS script,
           rtrim(regexp_extract(name, '^[A-Za-z0-9_-]+'), '-') AS word FROM parsed
), guess AS (
    SELECT piece, prefix, name, unnest([name, ended, script, word, ltrim(word, '_'), rtrim(word, '_'), trim(word, '_')])
           AS guess, unnest([1, 2, 3, 4, 5, 6, 7]) AS rank FROM plain
), found AS (
    SELECT g.piece, arg_min(g.prefix || replace(g.name, g.guess, coalesce(exact.new, folded.new)), g.rank) AS new
    FROM guess g
    LEFT JOIN memory.known exact ON exact.token = g.guess
    LEFT JOIN memory.known folded ON folded.token = lower(g.guess)
    WHERE coalesce(exact.new, folded.new) IS NOT NULL
          AND (g.prefix <> '' OR (length(g.guess) >= {least} AND regexp_full_match(g.guess, {unusual})))
    GROUP BY g.piece
)
SELECT piece, new FROM found
"""
_REWRITTEN = """
CREATE OR REPLACE TABLE memory.{target} AS
WITH touched AS (
    SELECT DISTINCT p.key FROM memory.piece p JOIN memory.swap s ON s.piece = p.piece WHERE p.place % 2 = 0
)
SELECT p.key, string_agg(coalesce(s.new, p.piece), '' ORDER BY p.place) AS text
FROM memory.piece p JOIN touched t ON t.key = p.key
LEFT JOIN memory.swap s ON p.place % 2 = 0 AND s.piece = p.piece
GROUP BY p.key
"""
# Names are looked for in what the addresses have left.
_WITHOUT_ADDRESSES = """
CREATE OR REPLACE TABLE memory.wanted_text AS
SELECT w.key, coalesce(a.text, w.text) AS text, a.key IS NOT NULL AS has_changed
FROM memory.wanted_text w LEFT JOIN memory.addressed a ON a.key = w.key
"""
_ADD_ADDRESSED = """
INSERT INTO memory.{target}
SELECT key, text FROM memory.wanted_text w
WHERE has_changed AND NOT EXISTS (SELECT 1 FROM memory.{target} t WHERE t.key = w.key)
"""


def know(con: duckdb.DuckDBPyConnection, agents: str, messages: str) -> None:
    """Learn the names that are replaced.

    Parameters
    ----------
    con
        A connection with `pipeline.warehouse.pseudonyms.add_pseudonyms`.
    agents, messages
        SELECTs of the tables ``agent`` and ``message``.
    """
    con.execute(
        f"CREATE OR REPLACE TABLE memory.named_agent AS SELECT DISTINCT agent_id, name, owner_handle FROM ({agents})"
    )
    con.execute(f"CREATE OR REPLACE TABLE memory.named_message AS SELECT DISTINCT message_id FROM ({messages})")
    con.execute(_KNOWN)
    con.execute("DROP TABLE memory.named_agent")
    con.execute("DROP TABLE memory.named_message")


def rewrite(con: duckdb.DuckDBPyConnection, texts: str, target: str) -> None:
    """Make the table ``memory.<target>`` (key, text) of the texts that hold a known name or an address.

    Parameters
    ----------
    con
        A connection that knows names.
    texts
        A SELECT with a column ``raw`` and a column ``text``, the same without credentials. The key is `key_sql` of the
        raw text.
    target
        Name of the table; one of ours.
    """
    con.execute(
        f"CREATE OR REPLACE TABLE memory.wanted_text AS SELECT {key_sql('raw')} AS key, any_value(text) AS text "
        f"FROM ({texts}) WHERE regexp_matches(raw, {sql_literal(f'{_ADDRESS_HINT}|{_NAMES}')}) GROUP BY ALL"
    )
    _cut(con, _ADDRESSES, _ADDRESS_HINT)
    kinds = {name: [p.regex for p in ADDRESSES if p.name == name] for name in dict.fromkeys(p.name for p in ADDRESSES)}
    cases = " ".join(
        f"WHEN regexp_full_match(piece, {sql_literal('|'.join(each))}) THEN '{name}'" for name, each in kinds.items()
    )
    con.execute(_ADDRESS_SWAP.format(kind=f"CASE {cases} END"))
    con.execute(_REWRITTEN.format(target="addressed"))
    con.execute(_WITHOUT_ADDRESSES)
    _cut(con, _NAMES, _NAMES)
    con.execute(
        _NAME_SWAP.format(
            prefix=sql_literal(f"^({_PREFIX})?(.*)$"), least=_LEAST_UNUSUAL, unusual=sql_literal(_UNUSUAL)
        )
    )
    con.execute(_REWRITTEN.format(target=target))
    con.execute(_ADD_ADDRESSED.format(target=target))
    for table in ("wanted_text", "piece", "swap", "addressed"):
        con.execute(f"DROP TABLE memory.{table}")


def _cut(con: duckdb.DuckDBPyConnection, cut: str, hint: str) -> None:
    """Cut the wanted texts that hold the hint; pieces at even places are what `cut` matches."""
    con.execute(_PIECES.format(mark=_MARK, cut=sql_literal(cut), hint=sql_literal(hint)))


def key_sql(expression: str) -> str:
    """Return the expression by which a raw text is joined with what became of it."""
    return f"left(sha256({expression}), 32)"

"""`[[records]]` of corpus.toml: every error is a sentence that names file, entry, key and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from ingest_helpers import Corpus

from pipeline.ingest.config import CorpusConfigError, load_config
from pipeline.ingest.formats import FORMATS
from pipeline.ingest.formats.literals import literal_to_json
from pipeline.ingest.formats.mapped_paths import PathError, parse_path, parse_record_path

HEAD = '[[records]]\nfiles = "a.json"\n'
POST = HEAD + 'kind = "post"\n'
ID = '[records.fields]\nid = "id"\n'

ERRORS = {
    "records = 5": ("key 'records'", "[[records]] tables"),
    "[[records]]\nkind = 'post'": ("'files'", "records 1, line 1", "which files are meant"),
    POST + "colour = 'red'\n" + ID: ("'colour'", "records 1, line 4", "one of the keys files, container, table"),
    POST + "container = 'xml'\n" + ID: ("'container'", "line 4", "one of json, jsonl, csv"),
    HEAD + ID: ("'kind'", "one of post, comment"),
    HEAD + "kind = 'tweet'\n" + ID: ("'kind'", "line 3", "one of post, comment"),
    HEAD + "kinds = [{ kind = 'reply', field = 'x' }]\n" + ID: ("'kinds'", "each with a kind"),
    HEAD + "kinds = [{ kind = 'comment' }]\n" + ID: ("'kinds'", '{ field = "type", is = ["a", "b"] }'),
    HEAD + "kinds = [{ kind = 'post', field = 'x', is = 1, is_not = 2 }]\n" + ID: ("kinds", "one of is, is_not"),
    HEAD + "kinds = [{ kind = 'post', field = 'x', is = [] }]\n" + ID: ("'kinds'", "at least one value"),
    HEAD + "kinds = [{ kind = 'post', has = 'parent_id' }]\n" + ID: ("'kinds'", "a field under [records.fields]: id"),
    POST + "where = { field = 5 }\n" + ID: ("'where'", "the path of a field in quotes"),
    POST + "path = 'a[0].b'\n" + ID: ("'path'", "names, [*] and * in the path of records"),
    POST + "path = '^.a[*]'\n" + ID: ("'path'", "names, [*] and *"),
    POST + "path = 'a..b'\n" + ID: ("'path'", "a name at character 3"),
    POST + "path = 'a[*]b'\n" + ID: ("'path'", "a dot between the names"),
    POST + "path = 5\n" + ID: ("'path'", "a text in quotes"),
    POST + "replies = 'children'\n" + ID: ("'replies'", '"children[*]"'),
    POST + "replies = 'children[**]'\n" + ID: ("'replies'", '"children[*]"'),
    POST + "path = 'a[*].[**]'\n" + ID: ("'path'", "a name at character 6"),
    POST + "path = '[**]'\n" + ID: ("'path'", "the name of a list before [**]"),
    POST + ID + "content = 'a[**].b'": ("'fields.content'", "no [**]"),
    POST + "header_row = 0\n" + ID: ("'header_row'", "line 4", "the number of the line"),
    POST + "container = 'json'\nheader_row = 2\n" + ID: ("'header_row'", "line 5", "csv, tsv or csv_semicolon"),
    POST + "encoding = 'klingon'\n" + ID: ("'encoding'", "line 4", "windows-1252"),
    POST + "container = 'parquet'\nencoding = 'latin-1'\n" + ID: ("'encoding'", "line 5", "csv, tsv"),
    HEAD + "kind = 'revision'\n" + ID + "author_id = 'x'": ("'fields.author_id'", "a field of revision: id, title"),
    POST + "fields = 3": ("'fields'", "a table [records.fields]"),
    POST + ID + "idd = 'x'": ("'fields.idd'", "line 6", "a field of post: id, author_id"),
    POST + ID + "content = 'a[x]'": ("'fields.content'", "line 6", "[*], a number such as [0]"),
    POST + ID + "content = 'a.*'": ("'fields.content'", "no * in the path of a field"),
    POST + ID + "content = 'a[*].b[*]'": ("'fields.content'", "at most one [*]"),
    POST + ID + "content = '@size'": ("'fields.content'", "one of @key, @position"),
    POST + ID + "content = '^.text'": ("'path'", "more [*] or * than 0", "'^.text'"),
    POST + ID + "content = ''": ("'fields.content'", "where it comes from"),
    POST + ID + "content = { form = 'x' }": ("'fields.content form'", "from, join, hash"),
    POST + ID + "content = { from = 'x', join = ['y'] }": ("'fields.content'", "where it comes from"),
    POST + ID + "content = { from = 'x', strip = [true] }": ("'fields.content'", "a text in quotes, or a list"),
    POST + ID + "content = { from = 'x', map = ['a'] }": ("'fields.content'", 'map = { old = "new" }'),
    POST + ID + "content = { from = 'x', separator = 1 }": ("'fields.content'", "separator"),
    POST + ID + "content = { from = 'x', time = 'ms' }": ("'fields.content'", "only at created_at"),
    POST + ID + "created_at = { from = 'x', time = 'min' }": ("'fields.created_at'", "line 6", "iso, s, ms"),
    POST + ID + "created_at = { from = 'x', time = '%d.%m.' }": ("'fields.created_at'", "a pattern with a year"),
    POST + ID + "created_at = { from = 'x', time = '%Q %Y' }": ("'fields.created_at'", "%Q in"),
    POST + ID + "created_at = { from = 'x', time = ['step', 's'] }": ("'fields.created_at'", '"step" alone'),
    POST + ID + "created_at = { from = 'x', timezone = 'Berlin' }": ("created_at'", "Europe/Berlin", "'Berlin'"),
    POST + ID + "created_at = { from = 'x', timezone = '../x' }": ("'fields.created_at'", "Europe/Berlin"),
    POST + "[records.fields]\ncontent = 'x'": ("'fields'", "expected id, which a post needs", "hash"),
    HEAD + "kind = 'comment'\n" + ID: ("'fields'", "parent_id or root_id"),
    HEAD + "kind = 'tie'\n[records.fields]\nsource_id = 'a'": ("'fields'", "target_id or target_name"),
    HEAD + "kind = 'tie'\n[records.fields]\nsource_id = 'a'\ntarget_id = 'b'": ("relation", "[records.constants]"),
    HEAD + "kind = 'tie'\n[records.constants]\nrelation = 'likes'": ("'constants.relation'", "line 5", "follow, mute"),
    POST + ID + "[records.constants]\nrun_id = []": ("'constants.run_id'", "a text, a number"),
    "format = 'moltbook_api'\n" + POST + ID: ("'format'", "mapped among the formats"),
    "format = 'mapped'": ("'format'", "[[records]] tables"),
    POST + ID + HEAD + "kind = 'post'\nkand = 1": ("'kand'", "records 2, line 9"),
}  # fmt: skip


@pytest.mark.parametrize("text", ERRORS)
def test_errors_say_where_and_what(tmp_path: Path, text: str) -> None:
    (tmp_path / "corpus.toml").write_text(text)
    with pytest.raises(CorpusConfigError) as caught:
        load_config(tmp_path, "some-corpus", tuple(FORMATS))
    sentence = str(caught.value)
    assert sentence.startswith("corpus.toml of corpus some-corpus: key ")
    for part in ERRORS[text]:
        assert part in sentence


def test_an_entry_that_means_no_file_and_one_that_names_no_table(corpus: Corpus) -> None:
    corpus.write("corpus.toml", POST + ID)
    with pytest.raises(CorpusConfigError, match=r"records 1, line 1: no file below data/corpus fits a\.json"):
        corpus.read()
    corpus.write("a.json", b"SQLite format 3\x00" + b"\x00" * 200)
    with pytest.raises(CorpusConfigError, match="expected the key table"):
        corpus.read()


@pytest.mark.parametrize("text", ["", "a\nb", "a.", ".a", "a[", "a[1", "[=x]", "a[b=c", "x" * 301, "$", "^", "a'\x00"])
def test_paths_that_are_none(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)


def test_paths_are_taken_apart() -> None:
    assert [(hop.names, hop.kind) for hop in parse_record_path('a."b.c"[*].*.d')] == [
        (("a", "b.c"), "each"), ((), "every"), (("d",), "one"),
    ]  # fmt: skip
    path = parse_path("^^.tags[0=e,3=reply][-1].it's")
    assert (path.up, [step.kind for step in path.steps]) == (2, ["name", "where", "place", "name"])
    assert path.steps[1].where == (("0", "e"), ("3", "reply"))
    assert parse_path("$@key").up == -1


@pytest.mark.parametrize(
    ("text", "json_text"),
    [
        ("['a', \"b's\", None, True, 1.]", '["a", "b\'s", null, true, 1.0]'),
        ("{'k': (1, 2,), u'x': {'s'}}", '{"k": [1, 2], "x": ["s"]}'),
        ('["json", {"a": null}]', '["json", {"a": null}]'),
        (r"['\x41\t\u00e9\'', r'\x']", '["A\\té\'", "\\\\x"]'),
        ("()", "[]"),
        ("a text", None),
        ("[open(1)]", None),
        ("['a' 'b']", None),
        ("[1", None),
        ("[1]]", None),
        ("(" * 300 + ")" * 300, None),
        ("[lambda: 0]", None),
    ],
)
def test_lists_as_text(text: str, json_text: str | None) -> None:
    assert literal_to_json(text) == json_text

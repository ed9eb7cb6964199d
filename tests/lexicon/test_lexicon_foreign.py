"""Foreign lists with all the dirt: every line is accounted for, wrong ones are told, right ones are not lost."""

from pathlib import Path

import pytest
from lexicon_helpers import frame_of

from pipeline.lexicon import Engine, load_cards
from pipeline.lexicon.foreign import ForeignList, read_list
from pipeline.lexicon.load import bare_card

DIC = (
    "\ufeff%\r\n1\tfunction (Function Words)\r\n\t2\tpronoun\r\n03\tHarm.Virtue\r\n2\tagain\r\nno id\r\n%\r\n"
    "he\t\t1\t2\r\n\r\nabandon*\t3\r\nkind of\t1\r\nlike\t(02 134)125/3\r\nkind\t<of>131/3\r\nhe\t3\r\nalone\r\n"
    "lost\t99\r\nhalf\t1\t99\r\n*\t1\r\nyes, sir\t1\r\nspaces  1 2\r\n  tabbed\t\t\t3  \r\n"
)


def read(folder: Path, name: str, content: str | bytes) -> ForeignList:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_list(path)


def patterns(found: ForeignList) -> dict[str, dict[str, float]]:
    return {c.name: {e.pattern: e.weight for e in c.entries} for c in found.categories}


def test_liwc_dictionary_line_by_line(tmp_path: Path) -> None:
    found = read(tmp_path, "x.dic", DIC)
    assert found.format == "liwc_dic"
    assert "byte-order mark" in (found.encoding_note or "")
    assert patterns(found) == {
        "function": {"he": 1, "kind of": 1, "half": 1, "yes, sir": 1, "spaces": 1},
        "pronoun": {"he": 1, "spaces": 1},
        "harm_virtue": {"abandon\\w*": 1, "like": 1, "kind": 1, "he": 1, "tabbed": 1},
    }
    assert [(line.number, line.status) for line in found.lines] == [
        (1, "header"), (2, "header"), (3, "header"), (4, "header"), (5, "rejected"), (6, "rejected"), (7, "header"),
        (8, "accepted"), (9, "blank"), (10, "accepted"), (11, "accepted"), (12, "noted"), (13, "noted"), (14, "noted"),
        (15, "rejected"), (16, "rejected"), (17, "noted"), (18, "rejected"), (19, "accepted"), (20, "accepted"),
        (21, "accepted"),
    ]  # fmt: skip
    why = {line.number: line.reason for line in found.lines}
    assert "already" in why[5]
    assert "repeated from line 8" in why[14]
    assert "no category id" in why[15]
    assert why[16] == why[17] == "no category has the id '99'"
    assert "wildcards" in why[18]


def test_dicx_with_commas_in_terms(tmp_path: Path) -> None:
    text = 'DicTerm,posemo,negemo\nhappy,X,\n"well, well",X,X\nno, thanks,,X\nbad,,0.5\nodd,maybe,\nnone,,\n"open,X,\n'
    found = read(tmp_path, "x.dicx", text)
    assert patterns(found) == {"posemo": {"happy": 1, "well, well": 1}, "negemo": {"well, well": 1, "bad": 0.5}}
    assert [line.number for line in found.rejected] == [4, 6, 7, 8]
    assert "quote a term with a comma" in found.rejected[0].reason
    assert "not closed" in found.rejected[3].reason


@pytest.mark.parametrize(
    ("name", "text", "kind", "expected", "rejected"),
    [
        (
            "emolex.txt",
            "English Word\tanger\tjoy\tGerman Word\nabuse\t1\t0\tMissbrauch\nglad\t0\t1\tfroh\nbad\tx\t0\tb\n",
            "wide", {"anger": {"missbrauch": 1}, "joy": {"froh": 1}}, [4],
        ),
        (
            "long.txt", "abuse\tanger\t1\nabuse\tjoy\t0\n\nglad\tjoy\t1\nglad\tjoy\nglad\tjoy\tmuch\n",
            "long", {"anger": {"abuse": 1}, "joy": {"glad": 1}}, [5, 6],
        ),
        ("emfd.csv", "word,care_p,care_sent\nkill,0.4,-0.7\nx,0.4\n", "wide",
         {"care_p": {"kill": 0.4}, "care_sent": {"kill": -0.7}}, [3]),
        ("vader.txt", ":)\t2.0\t1.1\t[2, 2]\nf***\t-2\t1\t[1]\nbroken\tmuch\t1\t[1]\n", "vader",
         {"positive": {":\\)": 2}, "negative": {"f\\*\\*\\*": -2}}, [3]),
        ("afinn.txt", "can't stand\t-3\ngood\t\t3\nyes, please\t2\nneutral\t0\nword\n", "afinn",
         {"negative": {"can['’]t stand": -3}, "positive": {"good": 3, "yes, please": 2}}, [5]),
        ("empath.tsv", "help\taid\tgive_hand\nwar\tgun\tkill\nempty\n", "empath",
         {"help": {"aid": 1, "give hand": 1}, "war": {"gun": 1, "kill": 1}}, [3]),
        ("hurt.tsv", "id\tpos\tcategory\tstereotype\tlemma\tlevel\nA1\tn\tps\tno\tbad_word\tinclusive\nA2\tn\tps\n",
         "hurtlex", {"ps": {"bad word": 1}}, [3]),
    ],
)  # fmt: skip
def test_other_formats_are_told_by_content(
    tmp_path: Path, name: str, text: str, kind: str, expected: dict[str, dict[str, float]], rejected: list[int]
) -> None:
    found = read(tmp_path, name, text)
    assert found.format == kind
    assert patterns(found) == expected
    assert [line.number for line in found.rejected] == rejected
    assert [line.number for line in found.lines] == list(range(1, text.count("\n") + 1))


def test_encodings_and_repeats_with_another_weight(tmp_path: Path) -> None:
    found = read(tmp_path, "a.txt", "caf\xe9\t1\nGood\t2\ngood\t3\n".encode("cp1252"))
    assert patterns(found)["positive"] == {"café": 1, "good": 2}
    assert "Windows-1252" in (found.encoding_note or "")
    assert "another weight" in found.lines[2].reason
    assert patterns(read(tmp_path, "b.txt", "good\t2\nbad\t-1\n".encode("utf-16")))["negative"] == {"bad": -1}


def test_a_file_of_no_format_is_refused(tmp_path: Path) -> None:
    for text in ("", "just a sentence\nand another one\n", "%\n1\ta\n%\n"):
        with pytest.raises(ValueError, match=r"x\.txt"):
            read(tmp_path, "x.txt", text)


def test_own_lists_are_loaded_and_scored(tmp_path: Path) -> None:
    (tmp_path / "My LIWC.dic").write_text("%\n1\tkin\n%\nbrother*\t1\nkind\t1\nkind of\t1\n", encoding="utf-8")
    card, _ = bare_card(tmp_path / "My LIWC.dic")
    assert (card.id, card.overlap, card.counting, card.scored_languages) == ("my_liwc", "longest", "occurrence", None)
    scores = Engine([card]).score(frame_of(["Brothers’ kind of kind, half-brother's brotherhood; unkind"]))
    assert scores["count"].to_list() == [5]  # brothers, kind of, kind, brother's, brotherhood
    assert "my_liwc" in {card.id for card in load_cards(own=tmp_path)}
    (tmp_path / "german.toml").write_text(
        'id = "german"\ntitle = "t"\nversion = "1"\nsource = "s"\nlicence = "own"\nlanguage = "de"\nevidence = "I"\n'
        'file = "My LIWC.dic"\ntext = "normalised"\ncounting = "presence"\n', encoding="utf-8"
    )  # fmt: skip
    ids = {card.id: card for card in load_cards(own=tmp_path)}
    assert "my_liwc" not in ids
    assert ids["german"].scored_languages == {"de"}
    (tmp_path / "german.toml").write_text("id = 'x'\nfile = 'gone.dic'", encoding="utf-8")
    with pytest.raises(ValueError, match=r"gone\.dic is not beside it"):
        load_cards(own=tmp_path)

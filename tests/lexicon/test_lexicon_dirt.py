"""Every foreign format with all the dirt that it can have, line for line: wrong lines are told, right ones are kept.

The dirt: a byte-order mark, blank lines, double tabs, repeated terms, nested ids, commas in terms, and lines that are
wrong. A letter a line: header, blank, accepted, noted, rejected.
"""

from pathlib import Path

import pytest

from pipeline.lexicon.foreign import read_list

STATUS = {"h": "header", "b": "blank", "a": "accepted", "n": "noted", "r": "rejected"}
DIRTY = [
    (
        "liwc.dic", "liwc_dic",
        "%\n1\tposemo\n\t2\tnegemo\n%\n\nlike\t(2 1)1/2\nlike\t1\nkind\t<of>1/2\n"
        "well, well\t\t1\t2\nbad*\t\t2\nlost\t9\nno id\n",
        "hhhhbnnnaarr",
        {"posemo": {"like": 1, "well, well": 1}, "negemo": {"like": 1, "kind": 1, "well, well": 1, "bad\\w*": 1}},
    ),
    (
        "moral.dic", "liwc_dic",  # Moral Foundations Dictionary and MFD2
        "%\n1\tcare.virtue\n2\tcare.vice\n%\n\nkind\t\t1\nkind\t1\nkind\t2\nyes, sir\t1\n"
        "compass*\t1\t2\n  \nharm\t9\nharm\n",
        "hhhhbannaabrr",
        {"care_virtue": {"kind": 1, "yes, sir": 1, "compass\\w*": 1}, "care_vice": {"kind": 1, "compass\\w*": 1}},
    ),
    (
        "liwc.dicx", "liwc_dicx",
        'DicTerm,posemo,negemo\n\nhappy,X,\nhappy,X,\n"well, well",X,X\nno, thanks,,X\nhappy,,X\n',
        "hbanarn",
        {"posemo": {"happy": 1, "well, well": 1}, "negemo": {"well, well": 1, "happy": 1}},
    ),
    (
        "emolex.txt", "wide",
        "English Word\tanger\tjoy\n\nabuse\t\t1\t0\nabuse\t1\t0\nyes, sir\t0\t1\nbad\tx\t0\nglad\t0\t1\n",
        "hbanara",
        {"anger": {"abuse": 1}, "joy": {"yes, sir": 1, "glad": 1}},
    ),
    (
        "emolex-long.txt", "long",
        "abuse\tanger\t1\n\nabuse\tanger\t1\nabuse\t\tjoy\t1\nyes, sir\tjoy\t1\nglad\tjoy\n",
        "abnaar",
        {"anger": {"abuse": 1}, "joy": {"abuse": 1, "yes, sir": 1}},
    ),
    (
        "emfd.csv", "wide",
        'word,care_p,care_sent\n\nkill,0.4,-0.7\nkill,0.4,-0.7\n"yes, sir",0.1,0.2\nno, sir,0.1,0.2\n',
        "hbanar",
        {"care_p": {"kill": 0.4, "yes, sir": 0.1}, "care_sent": {"kill": -0.7, "yes, sir": 0.2}},
    ),
    (
        "vader.txt", "vader",
        ":)\t2.0\t1.1\t[2, 2]\n\n:)\t2.0\t1.1\t[2, 2]\ngood\t\t1.9\t0.9\t[2, 2]\n"
        "yes, sir\t1\t1\t[1]\nbroken\tmuch\t1\t[1]\n",
        "abnaar",
        {"positive": {":\\)": 2, "good": 1.9, "yes, sir": 1}},
    ),
    (
        "afinn.txt", "afinn",
        "good\t3\n\ngood\t3\nbad\t\t-3\nyes, please\t2\nword\n",
        "abnaar",
        {"positive": {"good": 3, "yes, please": 2}, "negative": {"bad": -3}},
    ),
    (
        "empath.tsv", "empath",
        "help\taid\tgive_hand\taid\n\nwar\t\tgun\tkill\nhelp\tcare\taid\npolite\tyes, sir\tplease\nempty\n",
        "nbanar",
        {"help": {"aid": 1, "give hand": 1, "care": 1}, "war": {"gun": 1, "kill": 1},
         "polite": {"yes, sir": 1, "please": 1}},
    ),
    (
        "hurtlex.tsv", "hurtlex",  # an empty cell moves those behind it, so that a double tab is a wrong line here
        "id\tpos\tcategory\tstereotype\tlemma\tlevel\n\nA1\tn\tps\tno\tbad_word\tinclusive\n"
        "A2\tn\tps\tno\tbad_word\tinclusive\nA3\t\tn\tps\tno\tworse\tinclusive\n"
        "A4\tn\tps\tno\tyes, sir\tinclusive\nA5\tn\n",
        "hbanrar",
        {"ps": {"bad word": 1, "yes, sir": 1}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "text", "statuses", "expected"), DIRTY, ids=[case[0] for case in DIRTY])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_format_with_all_its_dirt(
    tmp_path: Path, name: str, kind: str, text: str, statuses: str, expected: dict[str, dict[str, float]], ending: str
) -> None:
    path = tmp_path / name
    path.write_bytes(("\ufeff" + text.replace("\n", ending)).encode())
    found = read_list(path)
    assert found.format == kind
    assert "byte-order mark" in (found.encoding_note or "")
    assert {one.name: {entry.pattern: entry.weight for entry in one.entries} for one in found.categories} == expected
    assert [line.number for line in found.lines] == list(range(1, len(statuses) + 1))
    assert [line.status for line in found.lines] == [STATUS[letter] for letter in statuses]
    assert all(line.reason for line in found.lines if line.status in ("noted", "rejected"))

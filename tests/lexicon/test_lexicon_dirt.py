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


WIDE = {"anger": {"hate": 1}, "fear": {"hate": 1, "fear": 1}}
ROWS = "hate,1,1\nlove,0,0\nfear,0,1\n"
TABLES = [
    # one wrong row below the header, or a comment above it, loses no table
    ("bad line", "wide", f"word,anger,fear\nbad line\n{ROWS}", "hraaa", WIDE),
    ("more wrong than right", "wide", "word,anger,fear\nbad line\nx\nno, sir\nhate,1,1\n# a,1,1\n", "hrrrah",
     {"anger": {"hate": 1}, "fear": {"hate": 1}}),
    ("words in place of numbers", "wide", f"word,anger,fear\nbad,x,y\n{ROWS}", "hraaa", WIDE),
    ("empty cells", "wide", f"word,anger,fear\nkill,,\n{ROWS}", "haaaa", WIDE),
    ("comment", "wide", f"# a list, by me, of today\n\nword,anger,fear\n{ROWS}", "hbhaaa", WIDE),
    ("comment without a comma", "wide", f"#source\nword,anger,fear\nbad line\n{ROWS}", "hhraaa", WIDE),
    ("marked header", "wide", f"#word,anger,fear\nbad line\n{ROWS}", "hraaa", WIDE),
    ("title", "wide", f"A list\nword,anger,fear\n{ROWS}", "rhaaa", WIDE),
    ("one category, title", "wide", "A list\nword,anger\nhate,1\nlove,0\n", "rhaa", {"anger": {"hate": 1}}),
    ("tab, bad line", "wide", "English Word\tanger\tjoy\nbroken\nabuse\t1\t0\n", "hra", {"anger": {"abuse": 1}}),
    ("tab, words", "wide", "English Word\tanger\tjoy\nbad\tx\ty\nabuse\t1\t0\n", "hra", {"anger": {"abuse": 1}}),
    ("tab, comment", "wide", "# NRC\nEnglish Word\tanger\tjoy\nabuse\t1\t0\n", "hha", {"anger": {"abuse": 1}}),
    ("tab at the end of the header", "wide", "Word\tanger\tjoy\t\nabuse\t1\t0\nbad\t1\t0\t\n", "haa",
     {"anger": {"abuse": 1, "bad": 1}}),
    ("comma at the end of a row", "wide", "word,anger,joy\nabuse,1,0,\nglad,,1\n", "haa",
     {"anger": {"abuse": 1}, "joy": {"glad": 1}}),
    # a long table may have a header
    ("long", "long", "English Word\tEmotion\tEmotion-Intensity-Score\nhate\tanger\t0.9\n", "ha",
     {"anger": {"hate": 0.9}}),
    ("long, wrong first row", "long", "# NRC\nword,emotion,score\nbad\nhate,anger,0.9\nno, sir,fear,1\n", "hhraa",
     {"anger": {"hate": 0.9}, "fear": {"no, sir": 1}}),
    ("long, mostly wrong", "long", "word,emotion,score\nbad\nx\n,\na,2,1\nhate,anger,1\nlove,joy,1\n", "hrrrraa",
     {"anger": {"hate": 1}, "joy": {"love": 1}}),
    ("long, semicolons", "long",
     "word;emotion;score\nhate;anger;0.9\na;;1\nb;2;1\n,;joy;0,9\nrage;anger;1\nwell, well;joy;1\n",
     "harrraa", {"anger": {"hate": 0.9, "rage": 1}, "joy": {"well, well": 1}}),
    ("long without a header, wrong first row", "long", "hate\tanger\tmuch\nhate\tanger\t1\nglad\tjoy\t1\n", "raa",
     {"anger": {"hate": 1}, "joy": {"glad": 1}}),
    ("one translated category", "wide", "English Word\tGerman Word\tanger\nhate\tHass\t1\n", "ha",
     {"anger": {"hass": 1}}),
    # weights of either sign under a header that names no category
    ("scores", "afinn", "word,score\ngood,3\nbad,-3\n", "haa", {"positive": {"good": 3}, "negative": {"bad": -3}}),
    ("scores, quoted", "afinn", '"word","score"\n"bad","-3"\n"yes, sir","3"\n', "haa",
     {"negative": {"bad": -3}, "positive": {"yes, sir": 3}}),
    ("scores, tab", "afinn", "Term\tSentiment Value\nbad\t-3\n", "ha", {"negative": {"bad": -3}}),
    ("scores, wrong first line", "afinn", "good,x\nbad,-3\nfine,2\n", "raa",
     {"negative": {"bad": -3}, "positive": {"fine": 2}}),
    ("one category", "wide", "word,care_sent\nkind,0.5\nkill,-0.7\n", "haa",
     {"care_sent": {"kind": 0.5, "kill": -0.7}}),
    ("a scale from 1 to 9", "wide", "word,valence\nabuse,1.8\n", "ha", {"valence": {"abuse": 1.8}}),
    # commas and blanks
    ("comma and blank", "afinn", 'good, 3\nbad ; -3\nyes, please, 2\n"1,000", 1\nfine,, 1\nso 1\n:), 1\n', "aaaaaaa",
     {"positive": {"good": 3, "yes, please": 2, "1,000": 1, "fine": 1, "so": 1, ":)": 1}, "negative": {"bad": -3}}),
    ("not one weight", "afinn",
     "# version 2\ngood,3\nhate,1,1\nhate;2,5\n, 3\nfine,2\nbad\t\t3\t1\n\t3\t1\nup,1\nso,1\nglad,2\nkind,2\n",
     "harrrarraaaa", {"positive": {"good": 3, "fine": 2, "up": 1, "so": 1, "glad": 2, "kind": 2}}),
    # VADER: a tab too many, or a field too few
    ("vader", "vader",
     "good\t\t1.9\t0.9\t[2, 2]\nfine\t1\t\t0.9\t\t[2]\t\n\tkind\t1\t0\t[1]\n143\t3.2\t0.7\t[4, 4]\nso\t2\n"
     "mild\t1\t0.5\n\t1.9\t0.5\t[1]\nbad\t\t0.9\t[2, 1]\n\t1.9\t0.5\t0.3\t[1]\nbad\t\t0.9\n1.9\t0.5\n"
     "bad\t0.9\t[2]\nbad 1.9 0.5\nbad\t1\tx\t[1]\nsad\t-1\t0\t[-1]\nsad\t-1\t0\t[-1]\nmad\t-1\t0\t[-1]\n"
     "glad\t1\t0\t[1]\nhappy\t2\t0\t[2]\nup\t1\t0\t[1]\ndown\t-1\t0\t[1]\n",
     "aaaaaarrrrrrrranaaaaa",
     {"positive": {"good": 1.9, "fine": 1, "kind": 1, "143": 3.2, "so": 2, "mild": 1, "glad": 1, "happy": 2, "up": 1},
      "negative": {"sad": -1, "mad": -1, "down": -1}}),
    ("vader, wrong first line", "vader", "bad\tmuch\t1\t[1]\nso\t2\t0\t[2]\nup\t1\t0\t[1]\n", "raa",
     {"positive": {"so": 2, "up": 1}}),
    # HurtLex: empty cells at the end, and commas
    ("hurtlex, tab at the end", "hurtlex",
     "id\tpos\tcategory\tlemma\tlevel\nA1\tn\tps\tbad\tx\t\nA2\tn\tps\tworse\t\nA3\tn\tps\tugly\tx\t\t\n"
     "A4\t\tn\tps\tno\t\nA5\tn\tps\tx\ty\tz\n", "haaarr", {"ps": {"bad": 1, "worse": 1, "ugly": 1}}),
    ("hurtlex, tab at the end of the header", "hurtlex",
     "id\tpos\tcategory\tlemma\t\nA1\tn\tps\tbad\nA2\tn\tps\tworse\t\nA3\t\tps\tugly\t\n", "haaa",
     {"ps": {"bad": 1, "worse": 1, "ugly": 1}}),
    ("hurtlex, commas", "hurtlex",
     '# HurtLex, 1.2\nid,pos,category,lemma\nA1,n,ps,bad_word\nA2,n,ps,"no, sir"\nA3,n,ps,no, sir\nA4,n,,bad\n',
     "hhaarr", {"ps": {"bad word": 1, "no, sir": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "statuses", "expected"), [t[1:] for t in TABLES], ids=[t[0] for t in TABLES])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_wrong_line_loses_no_list_and_is_told(
    tmp_path: Path, kind: str, text: str, statuses: str, expected: dict[str, dict[str, float]], ending: str
) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(text.replace("\n", ending).encode())
    found = read_list(path)
    assert [line.status for line in found.lines] == [STATUS[letter] for letter in statuses]
    assert found.format == kind
    assert {
        one.name: {e.pattern.replace("\\", ""): e.weight for e in one.entries} for one in found.categories
    } == expected
    assert all(line.reason for line in found.lines if line.status in ("noted", "rejected"))


@pytest.mark.parametrize(
    "text",
    [
        "hate,1,1\nlove,0,0\n",  # a wide table without a header
        "hate\t1\t0\t1\nlove\t0\t0\t0\n",
        "word,pos,anger\nkill,verb,1\n",  # no category is called verb
        "emotion\tword\tscore\njoy\thappy\t0.9\n",  # no category is called happy
        "lemma,pos\nbad,n\n",
    ],
)
def test_what_would_be_misread_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.txt"):
        read_list(path)


def test_hurtlex_by_name_without_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("A1\tn\tps\tbad\nA2\tn\tps\tworse\n,,\n", encoding="utf-8")
    with pytest.raises(ValueError, match="'lemma' and 'category'"):
        read_list(path, "hurtlex")


@pytest.mark.parametrize("name", ["wide", "long", "hurtlex", "vader", "afinn"])
def test_a_format_by_name_refuses_lines_of_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(",\n,,\n\t\n#\n;\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no term"):
        read_list(path, name)

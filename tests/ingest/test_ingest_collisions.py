"""Keys that meet: copies of a file, one id for two kinds, texts that end at a wall."""

from ingest_helpers import POST_ID, Corpus, comment, detail, post


def test_copies_of_a_file_are_repeated_whatever_the_threads(corpus: Corpus) -> None:
    bodies = [detail(n, [comment(n)]) for n in range(1, 8)]
    for number, body in enumerate(bodies):
        for copy in ("a", "b", "c"):
            corpus.write(f"{copy}/{number}.json", body)
    first = corpus.read(threads=1)
    # Fourteen records, three times: the first of each is new, and nothing was ever revised.
    assert first.account() == (42, 14, 0, 28, 0)
    assert {path[0] for path, row in first.files.items() if row["new"]} == {"a"}
    for threads in (4, 1, 4):
        again = corpus.read(threads=threads)
        assert again.source_file.equals(first.source_file)
        assert again.message.sort("message_id").equals(first.message.sort("message_id"))


def test_a_comment_with_the_id_of_a_post_is_set_aside(corpus: Corpus) -> None:
    corpus.write("a.json", detail(1, [comment(1), comment(2, id=POST_ID.format(1))]))
    found = corpus.read()
    assert found.reasons() == ["id_of_another_kind"]
    assert found.account() == (3, 2, 0, 0, 1)
    assert found.messages[POST_ID.format(1)]["kind"] == "post"
    assert found.messages[POST_ID.format(1)]["depth"] == 0


def test_equal_short_texts_are_no_wall_and_one_text_posted_often_is_none_either(corpus: Corpus) -> None:
    short = [post(n, content=f"{n:02d} is short") for n in range(1, 31)]
    spam = [post(n, content="x" * 500) for n in range(31, 61)]
    corpus.write("a.json", {"success": True, "posts": [*short, *spam]})
    found = corpus.read()
    assert not found.message["is_truncated"].any()


def test_many_texts_that_end_at_the_same_length_are_truncated(corpus: Corpus) -> None:
    cut = [post(n, content=f"{n:03d}" + "y" * 497) for n in range(1, 11)]
    whole = [post(n, content="z" * n) for n in range(11, 31)]
    corpus.write("a.json", {"success": True, "posts": [*cut, *whole]})
    found = corpus.read()
    assert found.message["is_truncated"].sum() == len(cut)

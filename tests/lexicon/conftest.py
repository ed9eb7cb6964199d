"""Fixtures of the lexicon tests."""

import pytest
from lexicon_helpers import ARCHIVES, archive_files, texts_of_file

from pipeline.lexicon import Card, Engine, load_cards


@pytest.fixture(scope="session")
def real_texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every distinct text of the real dumps, sorted."""
    found: list[str] = []
    for name in ARCHIVES:
        before = len(found)
        for path in archive_files(name, tmp_path_factory.mktemp(name)):
            texts_of_file(path, found)
        assert len(found) > before, f"no text found in {name}: the reader of this test is broken"
    # Lone surrogates cannot be stored as UTF-8, so no table of texts can hold them.
    whole = {text.encode("utf-8", "replace").decode() for text in found}
    return sorted(whole)


@pytest.fixture(scope="session")
def cards() -> tuple[Card, ...]:
    """The published rules and the protocol posts, which `re` can look for in all texts."""
    return tuple(card for card in load_cards() if card.id in ("airs", "reply", "token_mint"))


@pytest.fixture(scope="session")
def engine(cards: tuple[Card, ...]) -> Engine:
    return Engine(cards)

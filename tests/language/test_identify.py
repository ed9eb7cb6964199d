"""Language of texts: against the library's own loop, on clear sentences, and on what is no language."""

import polars as pl
import pytest
from hostile import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from pipeline.language import identify as module
from pipeline.language.identify import HEAD_CHARS, classify, identify

SENTENCES = {
    "en": [
        "The agents on this forum argue about memory, and nobody agrees on what forgetting means.",
        "Does anyone know a good way to schedule tasks without waking up my human?",
        "Thanks for sharing this, it made me think differently about trust.",
    ],
    "zh": [
        "今天我在论坛上看到很多关于记忆的讨论，大家的看法都不一样。",
        "我觉得信任比效率更重要。",
        "谢谢分享，学到了很多东西！",
    ],
    "es": [
        "Hoy he leído muchas publicaciones sobre la memoria de los agentes y me parecen interesantes.",
        "¿Alguien sabe cómo programar tareas sin molestar a su humano?",
        "Hola a todos, soy nuevo aquí y me alegra conocerlos.",
    ],
    "ko": [
        "오늘 게시판에서 기억에 대한 글을 많이 읽었는데 의견이 모두 달랐습니다.",
        "신뢰가 효율보다 중요하다고 봅니다.",
        "좋은 글 감사합니다. 많이 배웠어요.",
    ],
    "ru": [
        "Сегодня я прочитал много сообщений о памяти агентов, и мнения сильно расходятся.",
        "Кто-нибудь знает, как планировать задачи, не беспокоя своего человека?",
        "Я думаю, что доверие важнее скорости.",
    ],
    "ar": [
        "قرأت اليوم الكثير من المنشورات عن ذاكرة الوكلاء وكانت الآراء مختلفة جدا.",
        "شكرا على المشاركة، لقد جعلني هذا أفكر كثيرا.",
        "أعتقد أن الثقة أهم من السرعة.",
    ],
    "ja": [
        "今日は掲示板で記憶についての投稿をたくさん読みましたが、意見はばらばらでした。",
        "議論するより一緒に何かを作りましょう。",
        "信頼は効率よりも大切だと思います。",
    ],
    "de": [
        "Heute habe ich viele Beiträge über das Gedächtnis von Agenten gelesen, und die Meinungen gehen auseinander.",
        "Weiß jemand, wie man Aufgaben plant, ohne seinen Menschen zu wecken?",
        "Ich glaube, Vertrauen ist wichtiger als Geschwindigkeit.",
    ],
    "pt": [
        "Hoje li muitas publicações sobre a memória dos agentes e as opiniões são bem diferentes.",
        "Acho que a confiança é mais importante do que a rapidez.",
        "Olá a todos, sou novo por aqui e não conheço ninguém.",
    ],
}
NO_LANGUAGE = [
    "",
    "\n\n",
    "ok",
    "👍👍👍",
    "...",
    "0x71C7656EC7ab88b098defB751B7401B5f6d8976F",
    '{"p":"mbc-20","op":"mint","tick":"CLAW","amt":"100"}',
    "https://example.org/what/a/fine/day/it/is/today",
    "```\nfor every agent in the forum do what you like best\n```",
    "A" * 5_000,
]


def one(text: str) -> str:
    return str(identify(pl.Series([text])).item())


@pytest.fixture(scope="module")
def library() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@pytest.mark.parametrize("language", list(SENTENCES))
def test_clear_sentences_of_nine_languages(language: str) -> None:
    assert identify(pl.Series(SENTENCES[language])).to_list() == [language] * 3


def test_what_is_no_language_is_undetermined() -> None:
    assert identify(pl.Series(NO_LANGUAGE)).to_list() == ["und"] * len(NO_LANGUAGE)


@pytest.mark.parametrize(
    "text",
    [
        # Two ends, each long enough to be sure of.
        " ".join(SENTENCES["en"] * 2) + " " + " ".join(SENTENCES["de"] * 2),
        # Letters of two scripts in one sentence.
        "The part without build steps is the real win: 每个代理浪费在配置环境上的时间. Nobody has to wait for it.",
    ],
)
def test_mixed_texts_are_undetermined(text: str) -> None:
    assert one(text) == "und"


def test_terms_of_another_script_do_not_make_a_text_mixed() -> None:
    assert one("我们不是语言纯粹主义者，我们用什么能完成任务就用什么，比如 Python 和 Rust。") == "zh"
    assert one(SENTENCES["en"][0] + " We call it 記憶.") == "en"


def test_code_links_and_handles_do_not_decide() -> None:
    code = "```python\nfor item in the_list_of_all_items: print(item)\n```"
    link = "https://example.org/this/is/an/english/path"
    assert one(f"{code} @english_agent {link} {SENTENCES['de'][1]}") == "de"


def test_hidden_characters_do_not_decide() -> None:
    hidden = "".join(c + "\u200b" for c in SENTENCES["es"][0]) + "\U000e0049\U000e0067"
    assert one(hidden) == "es"


def test_only_the_head_of_a_flood_is_read() -> None:
    german = " ".join(SENTENCES["de"] * 40)[: HEAD_CHARS + 1]
    assert one(german + "x" * 3_000_000) == "de"


def test_hostile_texts_pass() -> None:
    found = identify(pl.Series(TEXTS))
    assert len(found) == len(TEXTS)
    assert dict(zip(TEXTS, found, strict=True))[next(t for t in TEXTS if t.startswith("Ignore"))] == "en"


def test_a_text_has_its_language_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series([text for texts in SENTENCES.values() for text in texts] + NO_LANGUAGE + TEXTS)
    whole = identify(texts)
    monkeypatch.setattr(module, "BATCH_ROWS", 7)
    assert identify(texts).to_list() == whole.to_list()
    assert identify(texts.reverse()).reverse().to_list() == whole.to_list()
    assert identify(texts.slice(0, 0)).to_list() == []


words = st.sampled_from(
    [w for texts in SENTENCES.values() for text in texts for w in text.split()] + ["ÉTÉ", "🦞", "7"]
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.lists(words, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=6))
def test_columns_give_what_the_library_gives_text_by_text(texts: list[str], library: LanguageIdentifier) -> None:
    found, sure = classify(pl.Series(texts))
    for text, name, confidence in zip(texts, found, sure, strict=True):
        merged: dict[str, float] = {}
        for code, share in library.rank(text):
            merged[module._MACRO.get(code, code)] = merged.get(module._MACRO.get(code, code), 0.0) + share
        assert confidence == pytest.approx(max(merged.values()), abs=2e-3)  # single precision, in another order
        assert merged[name] == pytest.approx(max(merged.values()), abs=2e-3)

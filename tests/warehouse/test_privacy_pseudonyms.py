"""Pseudonyms are HMAC-SHA256 under a key that nobody else can read."""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

import duckdb
import pytest

from pipeline.warehouse import WarehouseError
from pipeline.warehouse.pseudonyms import DIGITS, add_pseudonyms, key_file, load_key

KEY = b"0123456789abcdef0123456789abcdef"


def pseudonyms(key: bytes, kind: str, values: list[str | None]) -> list[str | None]:
    con = duckdb.connect()
    add_pseudonyms(con, key)
    return [con.execute("SELECT pseudonym($kind, $value)", {"kind": kind, "value": v}).fetchall()[0][0] for v in values]


@pytest.mark.parametrize("key", [KEY, KEY * 2, KEY * 3, b"k" * 65])
def test_a_pseudonym_is_the_hmac_of_kind_and_value(key: bytes) -> None:
    values = ["Ada", "", "ずんだもん", "x" * 1000]
    expected = [hmac.new(key, b"agent\0" + v.encode(), hashlib.sha256).hexdigest()[:DIGITS] for v in values]
    assert pseudonyms(key, "agent", values) == [f"agent_{digits}" for digits in expected]
    assert pseudonyms(key, "agent", [None]) == [None]


def test_another_key_or_kind_makes_another_pseudonym() -> None:
    one = pseudonyms(KEY, "agent", ["Ada"])[0]
    assert one == pseudonyms(KEY, "agent", ["Ada"])[0]
    others = {pseudonyms(KEY[::-1], "agent", ["Ada"])[0], pseudonyms(KEY, "owner", ["Ada"])[0], one}
    assert len({str(other).split("_")[1] for other in others}) == 3


def test_the_key_is_made_once_for_the_user_alone(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    first = load_key(environ)
    path = key_file(environ)
    assert path == tmp_path / "config" / "ethogram" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) == 64
    assert load_key(environ) == first
    assert load_key({"XDG_CONFIG_HOME": str(tmp_path / "other")}) != first
    path.chmod(0o640)
    with pytest.raises(WarehouseError, match="chmod 600"):
        load_key(environ)


def test_a_short_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="at least 32 characters") as caught:
        load_key({"ETHOGRAM_KEY": "too-short"})
    assert "too-short" not in str(caught.value)
    assert load_key({"ETHOGRAM_KEY": KEY.decode() + "\n", "XDG_CONFIG_HOME": str(tmp_path)}) == KEY
    assert not any(tmp_path.iterdir())

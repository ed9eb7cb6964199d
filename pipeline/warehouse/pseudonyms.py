"""Keyed pseudonyms: the key, where it lives, and HMAC-SHA256 as a function of DuckDB.

What belongs here: the key and the function. The key is never in the warehouse nor in a shared file: with it anybody
could find out by trying whom a pseudonym stands for. Whoever keeps it makes the same pseudonyms again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

import duckdb

from pipeline.warehouse.errors import WarehouseError

KEY_BYTES = 32
_LEAST_CHARS = 32
_BLOCK = 64  # bytes of a block of SHA-256
DIGITS = 20  # hexadecimal digits of a pseudonym: 80 bits, no two alike among 10^9


def key_file(environ: Mapping[str, str] | None = None) -> Path:
    """Return the file that holds the key: ``ethogram/key`` in the user's folder of configuration."""
    env = os.environ if environ is None else environ
    base = env.get("XDG_CONFIG_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".config") / "ethogram" / "key"


def load_key(environ: Mapping[str, str] | None = None) -> bytes:
    """Return the key: ``ETHOGRAM_KEY``, else that of the file, which is made on first use for the user alone.

    Raises
    ------
    WarehouseError
        When the key is too short, or others can read the file.
    """
    env = os.environ if environ is None else environ
    if "ETHOGRAM_KEY" in env:
        return _checked(env["ETHOGRAM_KEY"], "ETHOGRAM_KEY")
    path = key_file(env)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WarehouseError(f"others can read the key of pseudonyms: run chmod 600 {path}") from None
    else:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return _checked(path.read_text(encoding="utf-8"), str(path))


def _checked(text: str, where: str) -> bytes:
    key = text.strip()
    if len(key) < _LEAST_CHARS:
        raise WarehouseError(
            f"{where} is too short for a key of pseudonyms: expected at least {_LEAST_CHARS} characters drawn at "
            "random, such as 64 hexadecimal digits"
        )
    return key.encode()


def add_pseudonyms(con: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Add ``keyed(kind, value)``, 64 hexadecimal digits, and ``pseudonym(kind, value)`` to a connection.

    The key reaches the connection as a bound parameter and is in no statement, hence in no message of an error.

    Parameters
    ----------
    con
        The connection; the functions are temporary and in no file.
    key
        The key.
    """
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    con.execute("SET VARIABLE key_inner = $pad", {"pad": bytes(byte ^ 0x36 for byte in block)})
    con.execute("SET VARIABLE key_outer = $pad", {"pad": bytes(byte ^ 0x5C for byte in block)})
    # HMAC (RFC 2104) of the kind, a zero byte and the value.
    inner = "unhex(sha256(CAST(getvariable('key_inner') AS BLOB) || encode(kind || chr(0) || value)))"
    con.execute(
        f"CREATE OR REPLACE TEMP MACRO keyed(kind, value) AS sha256(CAST(getvariable('key_outer') AS BLOB) || {inner})"
    )
    con.execute(
        "CREATE OR REPLACE TEMP MACRO pseudonym(kind, value) AS "
        f"CASE WHEN value IS NULL THEN NULL ELSE kind || '_' || left(keyed(kind, value), {DIGITS}) END"
    )

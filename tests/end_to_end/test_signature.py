"""The sensor's signature of a folder."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.assets.sensors import signature


def test_signature_of_names_that_are_no_utf8(tmp_path: Path) -> None:
    assert signature(tmp_path) is None
    (tmp_path / "a.json").write_text("{}")
    first = signature(tmp_path)
    with open(os.fsencode(tmp_path) + b"/not\xe9s.txt", "wb") as stream:
        stream.write(b"x")
    second = signature(tmp_path)
    assert first and second and first != second
    assert signature(tmp_path) == second

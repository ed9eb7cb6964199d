"""What inspection says of archives and of compressed files."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.inspection.sample import PACKED, sample


@pytest.mark.parametrize("name", ["dump.zip", "dump.json.gz", "dump.tar"])
def test_what_is_packed_is_named_and_left(tmp_path: Path, name: str) -> None:
    body = b'{"success": true, "posts": []}'
    packed = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("posts.json", body)
    elif name.endswith(".tar"):
        with tarfile.open(fileobj=packed, mode="w") as archive_of_files:
            archive_of_files.addfile(tarfile.TarInfo("posts.json"), io.BytesIO())
    else:
        packed.write(gzip.compress(body))
    (tmp_path / name).write_bytes(packed.getvalue())
    assert [file.note for file in sample(tmp_path, name)] == [PACKED]

"""Whatever the bytes of a container are: the walk through it ends without an error, and within its limits."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from container_helpers import COMPRESSIONS, VARIANTS, body, lines, tar_of, zip_of
from fuzzing import TIMES

from pipeline.ingest.containers import avro
from pipeline.ingest.containers.streams import FileStream
from pipeline.ingest.containers.walk import Walk

MEMBERS = {"a.json": body(1), "b.jsonl": lines(), "é/c.json.gz": COMPRESSIONS["gz"](body(2)), "d": b""}
SEEDS = {
    "zip": zip_of(MEMBERS),
    "tar": tar_of({**MEMBERS, "n" * 200: b"x"}),
    "nested": zip_of({"in.tar.xz": COMPRESSIONS["xz"](tar_of(MEMBERS)), "in.zip": zip_of(MEMBERS)}),
    **{name: pack(lines()) for name, pack in VARIANTS.items() if name != "window.zst"},
}


def spoiled(content: bytes, rng: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(made))
        match rng.randrange(4):
            case 0:
                made[place] ^= 1 << rng.randrange(8)
            case 1:
                del made[place : place + rng.randrange(1, 40)]
            case 2:
                made[place:place] = rng.randbytes(rng.randrange(1, 40))
            case _:
                made[place : place + 4] = rng.choice([b"\xff" * 4, b"\0" * 4])
        made = made or bytearray(b"x")
    return bytes(made[: rng.randrange(len(made)) + 1] if rng.random() < 0.3 else made)


@pytest.mark.parametrize("name", SEEDS)
def test_spoiled_containers(name: str, tmp_path: Path) -> None:
    rng = random.Random(name)
    path = tmp_path / "a.bin"
    for _ in range(40 * TIMES):
        path.write_bytes(spoiled(SEEDS[name], rng))
        with tempfile.TemporaryDirectory(dir=tmp_path) as spool:
            seen = set()
            for entry in Walk(path, "a.bin", Path(spool)).entries():
                assert entry.archive or entry.path not in seen
                seen.add(entry.path)
                if entry.stream is not None:
                    n_bytes = entry.stream.skip()
                    damage = entry.stream.damage
                    assert damage is None or damage.is_inherited or damage.offset == n_bytes
            assert not list(Path(spool).iterdir())


def test_spoiled_headers_of_avro(tmp_path: Path) -> None:
    rng = random.Random(5)
    path = tmp_path / "a.avro"
    for _ in range(200 * TIMES):
        path.write_bytes(avro.MAGIC + rng.randbytes(rng.randrange(60)))
        with pytest.raises(avro.AvroError):
            avro.read_header(FileStream(path))

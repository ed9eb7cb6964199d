"""The light model: the teacher itself with weights and activations of eight bits, for about half the time.

What belongs here: making the light model; `pipeline.language.teacher.encode` runs it as it runs the teacher. Linear
layers are quantised when the model is loaded (weights per output channel, activations per batch as it comes), by torch
itself; no other runtime is needed. All layers stay: leaving after the fourth of six lost too much (docs/decisions.md).

Activations share one scale in a batch, so a vector depends in its last digits on the texts that it is computed with:
texts come in fixed chunks in the order of their hashes, as for the teacher, and results are the same again.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from pipeline.language import teacher


def quantise(model: Any) -> Any:
    """Return a copy of the teacher with linear layers of eight bits.

    Parameters
    ----------
    model
        From `pipeline.language.teacher.load`; it is left as it is.

    Raises
    ------
    TeacherError
        When this torch has no dynamic quantisation.
    """
    torch = importlib.import_module("torch")
    quantisation = getattr(torch.ao, "quantization", None)
    if quantisation is None:
        raise teacher.TeacherError("this torch has no dynamic quantisation: the light rung needs ETHOGRAM_RUNG=static")
    per_channel = {torch.nn.Linear: quantisation.per_channel_dynamic_qconfig}
    with warnings.catch_warnings():  # torch says that it will move this to another package
        warnings.simplefilter("ignore")
        return quantisation.quantize_dynamic(model, per_channel).eval()

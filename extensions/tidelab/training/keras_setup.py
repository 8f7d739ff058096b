"""Bring TensorFlow in, once, with the settings that training here relies on."""

import os
import sys
from typing import Any


def import_keras() -> Any:
    """Return the ``keras`` package, on TensorFlow, without oneDNN's kernels and without a wall of start-up messages.

    TensorFlow 2.21 crashes with "double free or corruption" in oneDNN's kernels while it trains the small separable network of
    this package (seen on an AVX-512 CPU, with and without XLA); without them it is stable, and its results depend less on the
    machine. The switch is read when TensorFlow is first imported.
    """
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    elif os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0":
        raise RuntimeError(
            "TensorFlow was imported before tidelab.training, with kernels that crash on small networks. "
            "Restart the kernel and import tidelab.training first, or set TF_ENABLE_ONEDNN_OPTS=0."
        )
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    return keras

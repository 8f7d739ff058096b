"""Model bundles: load, choose, predict. ONNX Runtime alone; TensorFlow never.

The bundle and the choice of a model import nothing heavy; ``load_predictor`` brings ONNX Runtime in when a model is run.
"""

from tidelab.models.bundle import ModelBundle, write_bundle
from tidelab.models.errors import BundleError, ModelError
from tidelab.models.predictor import Predictor, load_predictor, predictor_class
from tidelab.models.resolve import ResolvedModel, resolve_model

__all__ = [
    "BundleError",
    "ModelBundle",
    "ModelError",
    "Predictor",
    "ResolvedModel",
    "load_predictor",
    "predictor_class",
    "resolve_model",
    "write_bundle",
]

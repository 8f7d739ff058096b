"""MLflow with the identity of the hub: training runs, registered bundles, promotion.

Importing this imports neither MLflow nor anything heavy; a function that needs MLflow's client imports it.
"""

from tidelab.tracking.bundles import load_version
from tidelab.tracking.connection import Connection, connect
from tidelab.tracking.errors import TrackingError, TrackingUnavailableError
from tidelab.tracking.registry import (
    RegisteredVersion,
    promotion_status,
    register_bundle,
    request_promotion,
    withdraw_promotion,
)
from tidelab.tracking.training import TrainingRun, send_run, training_run

__all__ = [
    "Connection",
    "RegisteredVersion",
    "TrackingError",
    "TrackingUnavailableError",
    "TrainingRun",
    "connect",
    "load_version",
    "promotion_status",
    "register_bundle",
    "request_promotion",
    "send_run",
    "training_run",
    "withdraw_promotion",
]

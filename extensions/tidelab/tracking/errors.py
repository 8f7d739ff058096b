"""What can go wrong between a notebook and the tracking services, in words for the person who waits."""


class TrackingError(Exception):
    """MLflow or the model service refused something; the text says what, why and what to do next."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows instead of a traceback."""
        return [str(self)]


class TrackingUnavailableError(TrackingError):
    """MLflow or the model service cannot be reached or is not connected. Nothing was lost; the text says where it is."""

"""MLflow with the identity of the hub: training runs, registered bundles, promotion."""

"""The services behind MLflow; they run in the environment `mlflow`, never in a kernel."""

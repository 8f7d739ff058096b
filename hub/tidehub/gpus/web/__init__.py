"""What the service shows: pages for people, JSON for the Lab and batch runs, metrics for Prometheus."""

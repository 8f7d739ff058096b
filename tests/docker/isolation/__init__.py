"""Every way out of a person's container: the attempts, and the table of what has to happen to each."""

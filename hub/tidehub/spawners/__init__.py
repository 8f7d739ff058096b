"""How a person's server is started: what all kinds have in common (`start`), as a process of this account, as a container."""

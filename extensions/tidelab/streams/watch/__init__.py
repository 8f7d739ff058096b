"""A folder into which cameras put pictures: each new one is counted once, whatever happens in between."""

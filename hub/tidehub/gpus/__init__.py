"""The service `gpus`: measures what leased GPUs do, warns, gives idle ones back, and shows all of it.

`driver` says what a card is asked, `nvml` and `simulated` answer. `sampler` gives each second to a lease, `idle` and
`ladder` judge (pure functions), `reaper` acts, `web` shows.
"""

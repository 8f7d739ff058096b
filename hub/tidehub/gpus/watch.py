"""What is remembered of each lease from look to look: when it was last used, how busy it was, whether its holder is warned.

It is in memory alone. After a restart of the service every clock begins anew, because nobody saw what happened meanwhile.
"""

from collections import deque
from dataclasses import dataclass, field

from tidehub.gpus.idle import BUSY_SHARE, CardSeen
from tidehub.gpus.now import LeaseNow, Warned
from tidehub.gpus.sampler import LeaseUse

SHOWN_S = 300.0
"""The busy share that is shown is the mean of so long."""


@dataclass
class Watched:
    """One lease.

    Parameters
    ----------
    last_use
        Last moment at which something used it, seconds since 1970; begins with the first look.
    """

    last_use: float
    warned: float | None = None
    warning: Warned | None = None
    use: str = "the card was not looked at yet"
    last: LeaseUse | None = None
    _busiest: float | None = 0.0
    _looks: int = 0
    _shares: deque[tuple[float, float | None]] = field(default_factory=deque)

    def add(self, use: LeaseUse, moment: float) -> None:
        """Take in one look at its devices."""
        share = None if use.busy is None else use.busy / max(1, use.devices)
        self.last = use
        self._looks += 1
        self._busiest = None if share is None or self._busiest is None else max(self._busiest, share)
        self._shares.append((moment, share))
        while self._shares and moment - self._shares[0][0] > SHOWN_S:
            self._shares.popleft()
        if share is not None and share >= BUSY_SHARE:
            self.last_use = max(self.last_use, moment)

    def card(self) -> CardSeen:
        """Return what was seen of its devices since the last call."""
        seen = CardSeen(self._busiest, bool(self.last and self.last.held), self._looks)
        self._busiest, self._looks = 0.0, 0
        return seen

    def busy_share(self) -> float | None:
        """Return the mean share of the last minutes; None where some of it is not known."""
        shares = [share for _, share in self._shares]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known and len(known) == len(shares) else None

    def now(self, moment: float) -> LeaseNow:
        """Return it for the pages."""
        return LeaseNow(
            busy_share=self.busy_share(),
            busy_now=self._shares[-1][1] if self._shares else None,
            idle_s=max(0.0, moment - self.last_use),
            memory_mb=self.last.memory_mb if self.last else 0,
            use=self.use,
            lost=self.last.lost if self.last else "",
            warning=self.warning,
        )


class Watch:
    """All live leases."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}

    def __getitem__(self, lease: str) -> Watched:
        return self._watched[lease]

    def get(self, lease: str) -> Watched | None:
        """Return what is remembered of a lease, None of one not seen yet."""
        return self._watched.get(lease)

    def see(self, lease: str, use: LeaseUse, moment: float) -> None:
        """Take in one look at one lease."""
        self._watched.setdefault(lease, Watched(moment)).add(use, moment)

    def keep_only(self, leases: set[str]) -> None:
        """Forget the leases that ended."""
        self._watched = {lease: watched for lease, watched in self._watched.items() if lease in leases}

"""How often the drift verdict is wrong, by simulation with known truth.

    env OMP_NUM_THREADS=1 .tidelab/envs/analyse/bin/python bench/drift_calibration.py --worlds 60

A world holds classes (clusters in 64 numbers), samples that differ by a random effect, and six image statistics. The effect of samples
is 2 or 5 % of the variance of the embeddings, in all directions or in four (samples that differ by light, focus and little else), and as
much of the variance of the statistics; class shares differ from sample to sample too. A reference of 12 samples of 25 images or 24 of 40
is made, and new samples of 30, 300 and 3,000 images are judged: normal ones, ones with 10 % images of a class that was never seen, ones
seen through a lens with dirt on it (all images moved the same way, background by one and a half, contrast by one standard deviation; a smear on
drawn pictures moves the background by three), and
ones of which 90 % are of one class. The verdict itself is computed as in a run; only its permutation p, which decides nothing, is kept
short.

`--pictures` does the same with generated pictures that go through the committed demonstration model: 24 stations of 30 pictures are the
reference; new stations are normal, have 10 % of pictures of another kind, or a smear on the lens.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tidelab.drift import DriftSettings, Reference, assess

DIMENSIONS, CLASSES, STATISTICS = 64, 6, 6
SETTINGS = DriftSettings(permutations=99, maximum_images=100)
SIZES = (30, 300, 3000)


@dataclass(frozen=True)
class Change:
    """What is done to a new sample."""

    unseen: float = 0.0
    dirt: float = 0.0
    bloom: bool = False


CHANGES = {
    "normal": Change(),
    "unseen class, 10 %": Change(unseen=0.1),
    "lens dirt": Change(dirt=1.0),
    "bloom of one class": Change(bloom=True),
}


class World:
    """Where samples come from.

    Parameters
    ----------
    seed
        Decides everything.
    between
        Part of the variance of the embeddings that lies between samples.
    directions
        In how many directions samples differ.
    """

    def __init__(self, seed: int, between: float, directions: int = DIMENSIONS) -> None:
        self.rng = rng = np.random.default_rng(seed)
        # The last class is never seen by the reference. Classes differ in how much their images differ.
        self.centres = rng.normal(0, 1, (CLASSES + 1, DIMENSIONS))
        self.spread = rng.uniform(0.8, 1.25, CLASSES + 1)
        self.looks = rng.normal(0, 0.5, (CLASSES + 1, STATISTICS))
        self.shares = rng.dirichlet(np.full(CLASSES, 3.0))
        axes = np.linalg.qr(rng.normal(size=(DIMENSIONS, directions)))[0].T
        part = between / (1 - between)
        self.effects = axes * np.sqrt(
            part * 2.0 * DIMENSIONS / directions
        )  # 2: classes and images have 1 each
        self.look_effect = np.sqrt(part * 1.25)
        dirt = rng.normal(size=DIMENSIONS)
        self.dirt = dirt / np.linalg.norm(dirt) * 0.35 * np.sqrt(DIMENSIONS)

    def sample(self, n: int, change: Change = CHANGES["normal"]) -> tuple[Any, pd.DataFrame, list[str]]:
        """Return embeddings, image statistics and predicted labels of a new sample."""
        rng = self.rng
        shares = rng.dirichlet(30 * self.shares)
        if change.bloom:
            shares = 0.1 / CLASSES + 0.9 * np.eye(CLASSES)[rng.integers(CLASSES)]
        truth = rng.choice(CLASSES, size=n, p=shares / shares.sum())
        truth[rng.permutation(n)[: round(change.unseen * n)]] = CLASSES
        own = rng.normal(size=(n, DIMENSIONS)) * self.spread[truth][:, None]
        effect = rng.normal(size=len(self.effects)) @ self.effects
        embeddings = self.centres[truth] + own + effect + change.dirt * self.dirt
        looks = (
            self.looks[truth]
            + rng.normal(size=(n, STATISTICS))
            + self.look_effect * rng.normal(size=STATISTICS)
        )
        looks[:, 0] -= 1.5 * change.dirt
        looks[:, 1] -= 1.0 * change.dirt
        known = self.centres[:CLASSES]
        nearest = (((known**2).sum(axis=1)) - 2 * embeddings @ known.T).argmin(axis=1)
        table = pd.DataFrame(looks, columns=[f"look_{i}" for i in range(STATISTICS)])
        return embeddings.astype(np.float32), table, [f"class {i}" for i in nearest]

    def reference(self, samples: int, images: int) -> Reference:
        """Return a drift reference of known samples."""
        made = [self.sample(images) for _ in range(samples)]
        return Reference.build(
            np.concatenate([one[0] for one in made]),
            pd.concat([one[1] for one in made], ignore_index=True),
            [label for one in made for label in one[2]],
            [f"known {i}" for i in range(samples) for _ in range(images)],
        )


def settings_of_worlds(quick: bool) -> Iterator[tuple[float, int, int, int]]:
    """Yield part of the variance between samples, directions, known samples and images of each."""
    if quick:
        yield 0.05, DIMENSIONS, 12, 25
        return
    for between in (0.02, 0.05):
        for directions in (DIMENSIONS, 4):
            for samples, images in ((12, 25), (24, 40)):
                yield between, directions, samples, images


def simulate(
    worlds: int, sizes: tuple[int, ...], *, quick: bool = False, each: int = 2, only: tuple[int, ...] = ()
) -> list[dict[str, Any]]:
    """Judge new samples of many worlds.

    Parameters
    ----------
    worlds
        References that are made for each setting.
    sizes
        Images of the new samples.
    quick
        One setting only.
    each
        New samples of each kind in a world.
    only
        Numbers of the settings to simulate; all when empty.
    """
    rows = []
    for place, (between, directions, samples, images) in enumerate(settings_of_worlds(quick)):
        if only and place not in only:
            continue
        states = defaultdict(list)
        for world_number in range(worlds):
            world = World(1000 * place + world_number, between, directions)
            reference = world.reference(samples, images)
            for n in sizes:
                for name, change in CHANGES.items():
                    for _ in range(each if n < 1000 else 1):
                        states[name, n].append(assess(*world.sample(n, change), reference, SETTINGS).state)
        for (name, n), found in states.items():
            rows.append({
                "between": between, "directions": directions, "known": f"{samples} x {images}", "case": name, "n": n,
                "judged": len(found), "alarm": np.mean([one in ("amber", "red") for one in found]),
                "red": np.mean([one == "red" for one in found]), "grey": np.mean([one == "grey" for one in found]),
            })  # fmt: skip
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the worst and the mean over the settings: case and n -> shares of alarms and of red."""
    table = pd.DataFrame(rows)
    found = {}
    for (case, n), part in table.groupby(["case", "n"], sort=False):
        detect = case in ("unseen class, 10 %", "lens dirt")
        found[f"{case}, n = {n}"] = {
            "alarm": round(float(np.average(part["alarm"], weights=part["judged"])), 3),
            "worst setting": round(float(part["alarm"].min() if detect else part["alarm"].max()), 3),
            "red": round(float(np.average(part["red"], weights=part["judged"])), 3),
            "judged": int(part["judged"].sum()),
        }
    return found


def main() -> None:
    """Simulate and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=60, help="references for each of the eight settings")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument(
        "--settings", type=int, nargs="*", default=[], help="numbers of the settings, 0 to 7; all"
    )
    parser.add_argument("--quick", action="store_true", help="one setting, small: what the unit test runs")
    parser.add_argument(
        "--pictures", action="store_true", help="generated pictures through the demonstration model"
    )
    parser.add_argument("--rows", action="store_true", help="print every setting too")
    options = parser.parse_args()
    start = time.perf_counter()
    if options.pictures:
        from drift_pictures import simulate_pictures

        rows = simulate_pictures(options.worlds)
    else:
        rows = simulate(
            options.worlds, tuple(options.sizes), quick=options.quick, only=tuple(options.settings)
        )
    told: dict[str, Any] = {"summary": summary(rows), "minutes": round((time.perf_counter() - start) / 60, 1)}
    if options.rows:
        told["rows"] = rows
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()

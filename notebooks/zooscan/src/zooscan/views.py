"""What the notebook shows of a run: scans and their quality, vignettes, separations, abundance, size spectrum. All follow the decisions in force."""

import io
from collections import Counter
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.runs import RunFolder
from tidelab.runs.policy import may_show_pictures
from zooscan import abundance, spectrum
from zooscan.counted import Scans, counted, parts, scans_of
from zooscan.decisions import DecisionLog
from zooscan.pictures import png
from zooscan.products import scan_table, states_of
from zooscan.separators import proposer
from zooscan.settings import ProcessSettings

_MOST_VIGNETTES: Final = 60
_HOW: Final = {
    "": "not a multiple", "proposed": "cut as proposed, nobody looked", "kept": "cut as proposed, a person looked", "drawn": "cut by hand",
    "refused": "a person said: do not cut", "open": "proposed, waits for a person", "nothing to cut": "a multiple in which no line was found",
    "too large": "a multiple too large for lines to be proposed: look at it by hand",
}  # fmt: skip


def scans(run: RunFolder) -> Displayable:
    """Return what became of each scan, and what is said of its quality."""
    found = scan_table(scans_of(run), states_of(run))
    if not len(found):
        return section(note("The project holds no scans."), "No scans.")
    rows = [
        (
            row["scan_id"],
            row["sample_id"],
            row["status"],
            _number(row["objects_found"]),
            _number(row["bw_ratio"], 4),
            row["words"],
        )
        for row in found.to_dict("records")
    ]
    body = table(("Scan", "Sample", "Status", "Objects", "B/W ratio", "Words"), rows, numeric=(3, 4))
    tally = ", ".join(f"{numbers.count(n)} {status}" for status, n in Counter(found["status"]).items())
    return section(Markup("<p><b>{}</b></p>").format(tally) + body, f"Scans: {tally}.", "tl-zooscan")


def vignettes(run: RunFolder) -> Displayable:
    """Return vignettes with their scale bar, evenly taken from all objects that count."""
    if not may_show_pictures(run.path):
        return section(
            note("The data policy of this use case lets no pictures into what is saved here."), "No pictures."
        )
    with Scans(run) as stores:
        every = list(parts(run, stores))
        chosen = [
            every[place]
            for place in sorted(
                {int(n) for n in np.linspace(0, len(every) - 1, min(len(every), _MOST_VIGNETTES))}
            )
        ]
        tiles = []
        for part in chosen:
            store = stores.stores[str(part.row["scan_id"])]
            crop, mask = (
                (part.crop, part.mask)
                if part.crop is not None and part.mask is not None
                else store.pixels(int(part.object_id.rpartition("_")[2]))
            )
            drawn = picture(
                png(crop, mask, ProcessSettings(**store.scan.settings)), part.object_id, "image/png"
            )
            size = (part.features.get("esd") or 0.0) * store.scan.pixel_mm
            tiles.append(
                Markup(
                    '<figure style="margin:4px;display:inline-block;vertical-align:bottom">{}<figcaption class="tl-soft">{}<br>ESD {} mm</figcaption></figure>'
                ).format(drawn, part.object_id, numbers.significant(size))
            )
    words = f"{numbers.count(len(chosen))} of {numbers.plural(len(every), 'object')} that count."
    return section(
        Markup("<p>{}</p><div>{}</div>").format(words, Markup("").join(tiles)), words, "tl-zooscan"
    )


def separations(run: RunFolder) -> Displayable:
    """Return how many objects are multiples and what was decided about them."""
    found = _counted(run)
    whole = found.drop_duplicates(["scan_id", "image_id", "separation"])
    tally = Counter(whole["separation"])
    rows = [(words, numbers.count(tally[how])) for how, words in _HOW.items() if tally[how]]
    extra = len(found) - len(whole)
    cut = f"{numbers.count(len(whole))} objects were found on the scans; after cutting {numbers.count(len(found))} count."
    body = Markup("<p><b>{}</b></p>").format(cut) + table(("What", "Objects found"), rows, numeric=(1,))
    body += Markup("<p>Lines are proposed by {}.</p>").format(proposer(run))
    people = sorted({name for name in found["decided_by"] if name})
    if people:
        body += Markup("<p>Looked at by {}.</p>").format(", ".join(people))
    waiting = tally["proposed"] + tally["open"]
    if waiting:
        body += note(
            f"{numbers.plural(waiting, 'proposal was', 'proposals were')} not looked at by a person.", "warn"
        )
    return section(body, f"{cut} {extra} more through cutting.", "tl-zooscan")


def abundances(run: RunFolder) -> Displayable:
    """Return objects and biovolume in a cubic metre of each sample, or why they are withheld."""
    found = abundance.by_sample(_counted(run), scans_of(run), states_of(run))
    rows = [
        (
            row["sample_id"], _number(row["objects"]), _number(row["objects_per_m3"], 3), _number(row["biovolume_ellipsoid_mm3_per_m3"], 3),
            _number(row["biovolume_sphere_mm3_per_m3"], 3), _number(row["tot_vol_m3"], 2), row["withheld"] or "",
        )
        for row in found.to_dict("records")
    ]  # fmt: skip
    headers = (
        "Sample",
        "Objects",
        "Objects m⁻³",
        "mm³ m⁻³ (ellipsoid)",
        "mm³ m⁻³ (sphere)",
        "Volume [m³]",
        "Withheld, because",
    )
    body = table(headers, rows, numeric=(1, 2, 3, 4, 5))
    body += Markup('<p class="tl-soft">{}</p>').format(
        "Sums over scans and fractions of n × sub-part / volume filtered; the sub-part counts for all scans of a fraction together. Ellipsoid: "
        "4/3 π (Major/2)(Minor/2)², sphere: 4/3 π (Area/π)^(3/2), with the side of a pixel 25.4/dpi mm. Objects are all particles that were found, "
        "detritus and fibres too: ind. m⁻³ of a taxon needs them sorted in EcoTaxa."
    )
    text = "; ".join(f"{row[0]}: {f'{row[2]} objects m-3' if row[2] else 'withheld'}" for row in rows)
    return section(body, f"Objects in a cubic metre: {text}.", "tl-zooscan")


def size_spectrum(run: RunFolder) -> Displayable:
    """Return the normalised biovolume size spectrum of each sample as a figure."""
    found = spectrum.spectrum(_counted(run), scans_of(run), states_of(run))
    if not len(found):
        words = "No sample has a concentration of objects, so there is no size spectrum; the table above says why."
        return section(note(words), words)
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for sample_id, rows in found.groupby("sample_id"):
        middle = np.sqrt(rows["from_mm3"] * rows["to_mm3"])
        whole = rows["complete"].to_numpy(bool)
        (line,) = axes.plot(
            middle[whole], rows["nbss_per_m3"][whole], marker="o", label=str(sample_id).replace("$", r"\$")
        )
        axes.plot(
            middle[~whole], rows["nbss_per_m3"][~whole], "o", markerfacecolor="none", color=line.get_color()
        )
    axes.set(
        xscale="log", yscale="log", xlabel="Ellipsoidal biovolume [mm³]", ylabel="Normalised biovolume [m⁻³]"
    )
    axes.legend(fontsize="small")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    words = (
        f"Size spectrum of {numbers.plural(found['sample_id'].nunique(), 'sample')}, of all objects, detritus included; bins are octaves "
        "[2^k, 2^(k+1)) mm³."
    )
    if not found["complete"].all():
        words += " Open circles: bins that the limits of size cut, so that their values are too low."
    body = picture(stream.getvalue(), words, "image/png", css="tl-plot") + Markup(
        '<p class="tl-soft">{}</p>'
    ).format(words)
    return section(body, words, "tl-zooscan")


def _counted(run: RunFolder) -> pd.DataFrame:
    """Return the objects that count; several views of one moment compute them once."""
    said = run.path / "validations.jsonl"
    validated = said.stat().st_size if said.exists() else 0
    made = (run.path / "results.csv").stat().st_mtime_ns
    return _counted_at(run, DecisionLog(run).position, validated, made).copy()


@lru_cache(maxsize=2)
def _counted_at(run: RunFolder, decided: int, validated: int, made: int) -> pd.DataFrame:
    return counted(run)


def _number(value: Any, decimals: int = 0) -> str:
    if value is None or value != value:
        return ""
    return numbers.count(int(value)) if decimals == 0 else f"{float(value):.{decimals}f}"

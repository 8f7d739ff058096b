"""Which devices this machine has: what the NVIDIA driver shows, MIG slices included, or pretended ones. Never raises."""

import csv
import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from subprocess import PIPE, STDOUT, SubprocessError, run
from typing import Final

from tidelab.leases.model import Device

SETTING: Final = "TIDEHUB_GPUS"
"""The variable of the inventory: ``auto``, ``none`` or ``simulated:N``. Read by the hub, and by the command line without a hub."""
MOST_SIMULATED: Final = 64
SIMULATED_MEMORY_MB: Final = 16_384
TIMEOUT_S: Final = 20.0
_FIELDS: Final = "index,uuid,name,memory.total,mig.mode.current"
_CARD: Final = re.compile(r"^GPU (\d+): .*\(UUID: (GPU-[\w-]+)\)\s*$")
_SLICE: Final = re.compile(
    r"^\s+MIG ([1-9]\d*g\.[1-9]\d*gb)\S*\s+Device\s+(\d+): \(UUID: (MIG-[\w/-]+)\)\s*$"
)
log = logging.getLogger("tidelab.leases")


@dataclass(frozen=True)
class Inventory:
    """The devices that were found, and in words what was looked at and what is wrong with it."""

    devices: tuple[Device, ...]
    words: str


def read(setting: str = "auto", shared_slots: int = 0) -> list[Device]:
    """Return the devices of this machine; what was found is logged.

    Parameters
    ----------
    setting
        ``auto``: what ``nvidia-smi`` shows; ``none``; ``simulated:N``: N pretended GPUs.
    shared_slots
        Places on each whole card that is then offered as shared; 0: cards are offered whole.
    """
    found = look(setting, shared_slots)
    log.info("%s", found.words)
    return list(found.devices)


def look(setting: str = "auto", shared_slots: int = 0) -> Inventory:
    """As `read`, with the words for people."""
    kind, _, number = setting.strip().partition(":")
    if kind == "none" and not number:
        return Inventory((), "GPUs are switched off by the setting.")
    if kind == "simulated":
        if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= MOST_SIMULATED):
            return Inventory(
                (), f"No GPUs: {SETTING}={setting!r} is not simulated:1 to simulated:{MOST_SIMULATED}."
            )
        return _shared(
            _simulated(int(number)), f"{number} simulated GPUs (they compute nothing).", shared_slots
        )
    if kind != "auto" or number:
        return Inventory((), f"No GPUs: {SETTING}={setting!r} is none of auto, none and simulated:N.")
    program = shutil.which("nvidia-smi")
    if program is None:
        return Inventory((), "No GPUs: nvidia-smi is not installed, so there is no NVIDIA driver.")
    table, problem = _output([program, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"])
    if problem:
        return Inventory((), f"No GPUs: {problem}")
    listing, problem = _output([program, "-L"])
    return _shared(*_from_driver(table, listing, problem), shared_slots)


def parse_cards(table: str) -> tuple[list[Device], set[str], list[str]]:
    """Read what ``nvidia-smi --query-gpu`` prints; return cards, the ids of those in MIG mode, and lines that make no sense."""
    cards: list[Device] = []
    sliced: set[str] = set()
    odd: list[str] = []
    for row in csv.reader(table.splitlines(), skipinitialspace=True):
        if not row:
            continue
        cells = [cell.strip() for cell in row]
        if len(cells) != 5 or not cells[0].isdecimal() or not cells[1].startswith("GPU-"):
            odd.append(", ".join(row)[:120])
            continue
        index, card, name, memory, mig = cells
        cards.append(
            Device(
                card,
                "whole",
                name,
                int(index),
                int(memory) if memory.isdecimal() else 0,
                cdi=f"nvidia.com/gpu={index}",
            )
        )
        if mig == "Enabled":
            sliced.add(card)
    return cards, sliced, odd


def parse_slices(listing: str, cards: Sequence[Device]) -> list[Device]:
    """Read the MIG slices from what ``nvidia-smi -L`` prints, each below its card."""
    by_id = {card.id: card for card in cards}
    card: Device | None = None
    found = []
    for line in listing.splitlines():
        if match := _CARD.match(line):
            card = by_id.get(match[2])
        elif card is not None and (match := _SLICE.match(line)):
            profile, number, name = match.groups()
            memory = int(profile.partition(".")[2].removesuffix("gb")) * 1024
            cdi = f"nvidia.com/gpu={card.index}:{number}"
            found.append(
                Device(name, "mig", f"{card.name} MIG {profile}", card.index, memory, profile, cdi=cdi)
            )
    return found


def _from_driver(table: str, listing: str, problem: str) -> tuple[list[Device], str]:
    cards, sliced, odd = parse_cards(table)
    slices = parse_slices(listing, [card for card in cards if card.id in sliced])
    whole = [card for card in cards if card.id not in sliced]
    words = [f"{len(whole)} whole GPUs and {len(slices)} MIG slices."]
    empty = sliced - {card.id for card in cards if any(one.index == card.index for one in slices)}
    if empty:
        words.append(f"In MIG mode and without a slice that can be leased: {', '.join(sorted(empty))}.")
    if problem and sliced:
        words.append(problem)
    if odd:
        words.append(f"nvidia-smi printed lines that were not understood: {'; '.join(odd)}.")
    return [*whole, *slices], " ".join(words)


def _shared(devices: Sequence[Device], words: str, slots: int) -> Inventory:
    if slots <= 0:
        return Inventory(tuple(devices), words)
    offered = tuple(
        replace(device, kind="shared", slots=slots) if device.kind == "whole" else device
        for device in devices
    )
    return Inventory(offered, f"{words} Whole GPUs are offered as {slots} shared places each.")


def _simulated(number: int) -> list[Device]:
    return [
        Device(f"SIM-{index}", "whole", "Simulated GPU", index, SIMULATED_MEMORY_MB, simulated=True)
        for index in range(number)
    ]


def _output(command: list[str]) -> tuple[str, str]:
    """Return what a program prints, and in words why it did not."""
    try:
        done = run(command, stdout=PIPE, stderr=STDOUT, timeout=TIMEOUT_S, check=False)
    except SubprocessError:
        return "", f"nvidia-smi did not answer within {TIMEOUT_S:g} s; the driver may hang."
    except OSError as error:
        return "", f"nvidia-smi could not be started: {error.strerror}."
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        said = " ".join(text.split())[:200]
        return "", f"nvidia-smi failed with status {done.returncode}: {said}"
    return text, ""

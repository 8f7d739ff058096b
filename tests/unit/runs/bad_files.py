"""One maker for each kind of bad file; `MAKERS[kind](folder)` returns the name that its row must have."""

import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.brightness import grey_png
from tidelab.training.synthetic_flowcam import write_run

Maker = Callable[[Path], str]
MAKERS: dict[str, Maker] = {}


def makes(kind: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        MAKERS[kind] = maker
        return maker

    return register


def png_bytes(value: int = 90, size: tuple[int, int] = (20, 16)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(stream, "PNG")
    return stream.getvalue()


def zip_with(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing of it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


@makes("empty")
def empty(folder: Path) -> str:
    (folder / "empty.png").touch()
    return "empty.png"


@makes("not-a-picture")
def not_a_picture(folder: Path) -> str:
    (folder / "station.pdf").write_bytes(b"%PDF-1.7 not a picture at all")
    return "station.pdf"


@makes("wrong-name")
def wrong_name(folder: Path) -> str:
    (folder / "notes.png").write_text("Station 4: windy, many copepods, and no picture in this file.")
    return "notes.png"


@makes("other-format")
def other_format(folder: Path) -> str:
    Image.new("L", (20, 20)).save(folder / "old.bmp")
    return "old.bmp"


@makes("truncated")
def truncated(folder: Path) -> str:
    noise = np.random.default_rng(1).integers(0, 255, (60, 60, 3), np.uint8)
    Image.fromarray(noise).save(folder / "half.jpg")
    content = (folder / "half.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    return "half.jpg"


@makes("damaged")
def damaged(folder: Path) -> str:
    (folder / "broken.tif").write_bytes(b"II*\0" + b"\x08\0\0\0" + b"\xff" * 200)
    return "broken.tif"


@makes("too-many-pixels")
def too_many_pixels(folder: Path) -> str:
    (folder / "enormous.png").write_bytes(png_header(60_000, 60_000))
    return "enormous.png"


@makes("too-large")
def too_large(folder: Path) -> str:
    with (folder / "heavy.png").open("wb") as stream:
        stream.write(png_header(10, 10))
        stream.truncate(33 * 2**20)
    return "heavy.png"


@makes("animated")
def animated(folder: Path) -> str:
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (0, 100, 200)]
    frames[0].save(folder / "moving.png", save_all=True, append_images=frames[1:])
    return "moving.png"


@makes("too-many-pages")
def too_many_pages(folder: Path) -> str:
    pages = [Image.new("L", (20, 20), shade) for shade in range(6)]
    pages[0].save(folder / "book.tif", save_all=True, append_images=pages[1:])
    return "book.tif"


@makes("pixel-values")
def pixel_values(folder: Path) -> str:
    values = np.full((20, 20), np.nan, np.float32)
    Image.fromarray(values).save(folder / "depths.tif")
    return "depths.tif"


@makes("out-of-memory")
def out_of_memory(folder: Path) -> str:
    grey_png(folder / "memory.png", 80, (17, 17))  # the test makes the decoder of this size fail
    return "memory.png"


@makes("model-refused")
def model_refused(folder: Path) -> str:
    grey_png(folder / "thirteen.png", 90, (13, 13))  # the test's model raises for thirteen columns
    return "thirteen.png"


@makes("measure-failed")
def measure_failed(folder: Path) -> str:
    grey_png(folder / "unmeasured.png", 91, (19, 19))  # the test's measure raises for nineteen columns
    return "unmeasured.png"


@makes("permission")
def permission(folder: Path) -> str:
    grey_png(folder / "private.png", 70)  # the test refuses to open it: root may read everything
    return "private.png"


@makes("vanished")
def vanished(folder: Path) -> str:
    grey_png(folder / "gone.png", 71)  # the test removes it between listing and reading
    return "gone.png"


@makes("changed")
def changed(folder: Path) -> str:
    grey_png(folder / "growing.png", 72)  # the test appends to it while it is read
    return "growing.png"


@makes("unreadable")
def unreadable(folder: Path) -> str:
    grey_png(folder / "bad-sector.png", 73)  # the test lets the disk fail
    return "bad-sector.png"


@makes("not-a-file")
def not_a_file(folder: Path) -> str:
    os.mkfifo(folder / "pipe.png")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket may have about a hundred characters
    listener.bind("socket.png")
    os.chdir(here)
    listener.close()
    return "pipe.png"


@makes("link-outside")
def link_outside(folder: Path) -> str:
    (folder / "passwords.png").symlink_to("/etc/passwd")
    return "passwords.png"


@makes("link-folder")
def link_folder(folder: Path) -> str:
    (folder / "round").symlink_to(folder)
    return "round"


@makes("link-broken")
def link_broken(folder: Path) -> str:
    (folder / "lost.png").symlink_to(folder / "nowhere.png")
    return "lost.png"


@makes("name-too-long")
def name_too_long(folder: Path) -> str:
    zip_with(folder / "long.zip", {"n" * 10_000 + ".png": png_bytes()})
    return "long.zip/" + "n" * 51 + "…" + "n" * 36 + ".png"


@makes("samples-table")
def samples_table(folder: Path) -> str:
    (folder / "samples.csv").write_text(
        "sample_id,time,station,volume_imaged_ml\nall,yesterday at noon,S4,\n"
    )
    return "samples.csv"


@makes("samples-conflict")
def samples_conflict(folder: Path) -> str:
    """A run whose summary and whose samples.csv differ: a zip, for the table must lie at the top of the input."""
    write_run(folder, "differs", [np.full((9, 8, 3), 201, np.uint8)], volume_imaged_ml=0.5)
    with (folder / "samples.csv").open("a") as table:
        table.write("differs,2024-05-03T10:00:00Z,S4,0.7\n")
    return "samples.csv"


@makes("ecotaxa-table")
def ecotaxa_table(folder: Path) -> str:
    grey_png(folder / "bundle" / "good-0.png", 208)
    (folder / "bundle" / "ecotaxa_one.tsv").write_text(
        "object_id\timg_file_name\tsample_id\tobject_lat\n[t]\t[t]\t[t]\t[f]\no1\tgood-0.png\tnet 1\tnorth\n"
    )
    return "bundle/ecotaxa_one.tsv"


@makes("flowcam-list")
def flowcam_list(folder: Path) -> str:
    run = write_run(folder, "cut-list", [np.full((9, 8, 3), 202, np.uint8)])
    listing = run / "cut-list.lst"
    listing.write_text("\n".join(listing.read_text().splitlines()[:8]))
    return "cut-list/cut-list.lst"


@makes("flowcam-summary")
def flowcam_summary(folder: Path) -> str:
    run = write_run(folder, "empty-volume", [np.full((9, 8, 3), 203, np.uint8)], volume_imaged_ml=0.0)
    return f"{run.name}/empty-volume_run_summary.txt"


@makes("collage-without-list")
def collage_without_list(folder: Path) -> str:
    run = write_run(folder, "no-list", [np.full((9, 8, 3), 204, np.uint8)])
    (run / "no-list.lst").unlink()
    return "no-list"


@makes("collage-missing")
def collage_missing(folder: Path) -> str:
    run = write_run(folder, "no-collage", [np.full((9, 8, 3), 205, np.uint8)])
    (run / "no-collage_000001.tif").unlink()
    return "no-collage/1"


@makes("collage-unusable")
def collage_unusable(folder: Path) -> str:
    run = write_run(folder, "cut-collage", [np.full((9, 8, 3), 206, np.uint8)])
    collage = run / "cut-collage_000001.tif"
    collage.write_bytes(collage.read_bytes()[:60])
    return "cut-collage/1"


@makes("particle-outside")
def particle_outside(folder: Path) -> str:
    run = write_run(folder, "outside", [np.full((9, 8, 3), 207, np.uint8)])
    listing = run / "outside.lst"
    listing.write_text(listing.read_text().replace("1|0|0|8|9|", "1|5|0|8|9|"))
    return "outside/1"


@makes("zip-damaged")
def zip_damaged(folder: Path) -> str:
    content = zip_with(folder / "cut.zip", {"a.png": png_bytes()}).read_bytes()
    (folder / "cut.zip").write_bytes(content[:-30])
    return "cut.zip"


@makes("zip-encrypted")
def zip_encrypted(folder: Path) -> str:
    path = zip_with(folder / "locked.zip", {"a.png": png_bytes()})
    content = bytearray(path.read_bytes())
    # Bit 0 of the flags, in the local header and in the directory.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return "locked.zip/a.png"


@makes("zip-nested")
def zip_nested(folder: Path) -> str:
    inner = zip_with(folder / "inner.tmp", {"a.png": png_bytes()})
    zip_with(folder / "outer.zip", {"inner.zip": inner.read_bytes()})
    inner.unlink()
    return "outer.zip/inner.zip"


@makes("zip-bomb")
def zip_bomb(folder: Path) -> str:
    zip_with(folder / "bomb.zip", {"bomb.png": png_header(10, 10) + bytes(20 * 2**20)})
    return "bomb.zip/bomb.png"


@makes("zip-too-large")
def zip_too_large(folder: Path) -> str:
    rng = np.random.default_rng(2)
    members = {}
    for name in "abc":
        stream = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (1500, 1500, 3), np.uint8)).save(stream, "PNG", compress_level=0)
        members[f"{name}.png"] = stream.getvalue()
    zip_with(folder / "much.zip", members, zipfile.ZIP_STORED)
    return "much.zip/c.png"


@makes("zip-too-many")
def zip_too_many(folder: Path) -> str:
    zip_with(folder / "crowd.zip", {f"{number}.png": b"" for number in range(31)})
    return "crowd.zip"


@makes("zip-unsafe-path")
def zip_unsafe_path(folder: Path) -> str:
    zip_with(
        folder / "escape.zip",
        {"../../evil.png": png_bytes(), "/etc/evil.png": png_bytes(), "C:\\evil.png": png_bytes()},
    )
    return "escape.zip/../../evil.png"


@makes("zip-link")
def zip_link(folder: Path) -> str:
    with zipfile.ZipFile(folder / "links.zip", "w") as archive:
        info = zipfile.ZipInfo("link.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return "links.zip/link.png"


@makes("zip-duplicate")
def zip_duplicate(folder: Path) -> str:
    with zipfile.ZipFile(folder / "twice.zip", "w") as archive:
        archive.writestr("same.png", png_bytes(60))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("same.png", png_bytes(61))
    return "twice.zip/same.png"


@makes("zip-compression")
def zip_compression(folder: Path) -> str:
    path = zip_with(folder / "strange.zip", {"a.png": png_bytes()})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.index(signature) + offset
        content[at : at + 2] = (97).to_bytes(2, "little")  # WavPack
    path.write_bytes(content)
    return "strange.zip/a.png"

"""One prediction as bytes: what the cache keeps. No pickle; a damaged record is noticed, never believed.

Layout, little endian: ``TLR2``, crc32 of all that follows, lengths (labels, embedding, statistics, thumbnail, objects, objects'
thumbnails), then float32 probabilities, float32 embedding, statistics as JSON, JPEG bytes; of a detector, for each object its box (4
float32), score (float32), label (int16) and the length of its thumbnail (uint32), then these thumbnails. The number of objects is -1 for a
model that looks for none.
"""

import json
import struct
import zlib
from itertools import pairwise
from typing import Final

import numpy as np

from tidelab.domain.prediction import Detections, Prediction

_MAGIC: Final = b"TLR2"
_START: Final = struct.Struct("<4sI")
_LENGTHS: Final = struct.Struct("<IIIIiI")
_OBJECT_BYTES: Final = 4 * 4 + 4 + 2 + 4


def to_bytes(prediction: Prediction) -> bytes:
    """Return the record of a prediction."""
    probabilities = prediction.probabilities.astype("<f4").tobytes()
    embedding = prediction.embedding.astype("<f4").tobytes()
    statistics = json.dumps({name: float(value) for name, value in prediction.statistics.items()}).encode()
    found = prediction.detections
    objects, pictures = _objects(found) if found is not None else (b"", b"")
    lengths = _LENGTHS.pack(
        len(prediction.probabilities),
        len(prediction.embedding),
        len(statistics),
        len(prediction.thumbnail),
        -1 if found is None else len(found),
        len(pictures),
    )
    parts = (lengths, probabilities, embedding, statistics, prediction.thumbnail, objects, pictures)
    body = b"".join(parts)
    return _START.pack(_MAGIC, zlib.crc32(body)) + body


def from_bytes(record: bytes) -> Prediction | None:
    """Return the prediction of a record, or None when the record is damaged or of another version."""
    try:
        magic, checksum = _START.unpack_from(record)
        body = record[_START.size :]
        if magic != _MAGIC or checksum != zlib.crc32(body):
            return None
        labels, dimensions, statistics, thumbnail, count, pictures = _LENGTHS.unpack_from(body)
        sizes = [labels * 4, dimensions * 4, statistics, thumbnail, max(count, 0) * _OBJECT_BYTES, pictures]
        ends = np.cumsum([_LENGTHS.size, *sizes]).tolist()
        if ends[-1] != len(body):
            return None
        return Prediction(
            probabilities=np.frombuffer(body[ends[0] : ends[1]], "<f4").astype(np.float32),
            embedding=np.frombuffer(body[ends[1] : ends[2]], "<f4").astype(np.float32),
            statistics=json.loads(body[ends[2] : ends[3]]),
            thumbnail=body[ends[3] : ends[4]],
            detections=None if count < 0 else _detections(body[ends[4] : ends[5]], body[ends[5] :], count),
        )
    except (struct.error, ValueError):
        return None


def _objects(found: Detections) -> tuple[bytes, bytes]:
    lengths = np.array([len(one) for one in found.thumbnails] or [0] * len(found), "<u4")
    columns = (found.boxes.astype("<f4"), found.scores.astype("<f4"), found.labels.astype("<i2"), lengths)
    return b"".join(column.tobytes() for column in columns), b"".join(found.thumbnails)


def _detections(objects: bytes, pictures: bytes, count: int) -> Detections:
    ends = np.cumsum([0, 16 * count, 4 * count, 2 * count, 4 * count]).tolist()
    boxes, scores, labels, lengths = (
        np.frombuffer(objects[start:end], kind)
        for start, end, kind in zip(ends, ends[1:], ("<f4", "<f4", "<i2", "<u4"), strict=False)
    )
    cuts = np.concatenate([[0], np.cumsum(lengths.astype(np.int64))]).tolist()
    if cuts[-1] != len(pictures):
        raise ValueError("lengths of thumbnails")
    return Detections(
        boxes=boxes.reshape(count, 4).astype(np.float32),
        scores=scores.astype(np.float32),
        labels=labels.astype(np.int16),
        thumbnails=tuple(pictures[start:end] for start, end in pairwise(cuts)) if pictures else (),
    )

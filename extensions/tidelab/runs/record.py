"""One prediction as bytes: what the cache keeps. No pickle; a damaged record is noticed, never believed.

Layout, little endian: ``TLR1``, crc32 of all that follows, lengths (labels, embedding, statistics, thumbnail), then float32
probabilities, float32 embedding, statistics as JSON, JPEG bytes.
"""

import json
import struct
import zlib
from typing import Final

import numpy as np

from tidelab.domain.prediction import Prediction

_MAGIC: Final = b"TLR1"
_START: Final = struct.Struct("<4sI")
_LENGTHS: Final = struct.Struct("<IIII")


def to_bytes(prediction: Prediction) -> bytes:
    """Return the record of a prediction."""
    probabilities = prediction.probabilities.astype("<f4").tobytes()
    embedding = prediction.embedding.astype("<f4").tobytes()
    statistics = json.dumps({name: float(value) for name, value in prediction.statistics.items()}).encode()
    lengths = _LENGTHS.pack(
        len(prediction.probabilities), len(prediction.embedding), len(statistics), len(prediction.thumbnail)
    )
    body = b"".join((lengths, probabilities, embedding, statistics, prediction.thumbnail))
    return _START.pack(_MAGIC, zlib.crc32(body)) + body


def from_bytes(record: bytes) -> Prediction | None:
    """Return the prediction of a record, or None when the record is damaged or of another version."""
    try:
        magic, checksum = _START.unpack_from(record)
        body = record[_START.size :]
        if magic != _MAGIC or checksum != zlib.crc32(body):
            return None
        labels, dimensions, statistics, thumbnail = _LENGTHS.unpack_from(body)
        ends = np.cumsum([_LENGTHS.size, labels * 4, dimensions * 4, statistics, thumbnail]).tolist()
        if ends[-1] != len(body):
            return None
        return Prediction(
            probabilities=np.frombuffer(body[ends[0] : ends[1]], "<f4").astype(np.float32),
            embedding=np.frombuffer(body[ends[1] : ends[2]], "<f4").astype(np.float32),
            statistics=json.loads(body[ends[2] : ends[3]]),
            thumbnail=body[ends[3] :],
        )
    except (struct.error, ValueError):
        return None

"""Images in, predictions out: read, look up, decode, predict, keep. Memory is bounded by pixels, not by the number of images.

Reading and looking up happen in this thread, decoding in a few others, one batch ahead of the model. Every predicted batch is
in the cache before the next begins, so a run that is killed repeats at most one batch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from posixpath import splitext
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.models import Predictor
from tidelab.runs.cache import ResultCache
from tidelab.runs.errors import RunCancelled
from tidelab.runs.failures import FailedFile, InputError
from tidelab.runs.inputs.decode import decode, read_header
from tidelab.runs.inputs.particles import CutPayload
from tidelab.runs.inputs.sniff import suffix_note
from tidelab.runs.inputs.source import Payload, Source
from tidelab.runs.keys import KeyMaker
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog
from tidelab.runs.progress import Progress
from tidelab.runs.thumbnails import ThumbnailWriter

BATCH_IMAGES: Final = 32
BATCH_PIXELS: Final = 24_000_000
"""A batch ends at either; two batches of 24 Mpx are 144 MB of RGB."""

_CHUNK_IMAGES: Final = 256
_CHUNK_BYTES: Final = 64 * 2**20
_DECODERS: Final = 2

Measure = Callable[[npt.NDArray[np.uint8]], Mapping[str, float]]


@dataclass
class Item:
    """One image on its way."""

    name: str
    order: tuple[int, int]
    image_id: str
    size: int
    page: int
    key: bytes
    sides: tuple[tuple[str, str], ...]
    payload: Payload | None
    pixels: int = 0


@dataclass(frozen=True)
class ImageResult:
    """One image that was predicted, now or before.

    Parameters
    ----------
    name, image_id, size, sides
        Display name, digest, bytes of its file, and suffix and digest of each side file.
    probabilities, embedding, statistics
        Of its :class:`Prediction`.
    """

    name: str
    image_id: str
    size: int
    sides: tuple[tuple[str, str], ...]
    probabilities: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]
    statistics: dict[str, float]


@dataclass
class Work:
    """What was done for it: what a second run of the same must not do."""

    decoded: int = 0
    predicted: int = 0
    model_calls: int = 0
    known: int = 0


@dataclass
class Pipeline:
    """One pass over the files of a run.

    Parameters
    ----------
    predictor, n_labels
        The model.
    cache, keys
        Where results are kept, and what they are called.
    limits, progress, thumbnails, log
        Of the run.
    measure
        More statistics of an image, kept with those of the predictor; what it is must be part of `keys`.
    """

    predictor: Predictor
    n_labels: int
    cache: ResultCache
    keys: KeyMaker
    limits: Limits
    progress: Progress
    thumbnails: ThumbnailWriter
    log: RunLog
    measure: Measure | None = None
    failures: list[FailedFile] = field(default_factory=list)
    work: Work = field(default_factory=Work)
    results: list[ImageResult] = field(default_factory=list)
    _results: list[tuple[tuple[int, int], ImageResult]] = field(default_factory=list)
    _waiting: dict[bytes, list[Item]] = field(default_factory=dict)
    _extra_pages: int = 0

    def run(self, sources: Sequence[Source]) -> None:
        """Fill ``results``, in the order of `sources`, and ``failures``.

        Raises
        ------
        RunCancelled
            When the person asked to stop; what was predicted is kept in the cache.
        OSError
            When the disk is full.
        """
        self._total = len(sources) + len(self.failures)
        self._tell()
        with ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode") as pool:
            try:
                for batch, pixels in self._decoded_ahead(pool, self._batches(self._misses(sources))):
                    self._predict(batch, pixels)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        self._results.sort(key=lambda pair: pair[0])
        self.results = [result for _, result in self._results]

    def _misses(self, sources: Sequence[Source]) -> Iterator[Item]:
        for chunk in self._chunks(sources):
            found = self.cache.get_many([item.key for item in chunk])
            hits = [(item, found[item.key]) for item in chunk if item.key in found]
            for item, _ in hits:
                self._release(item)
            self.work.known += len(hits)
            self._finish(hits)
            for item in chunk:
                if item.key in found:
                    continue
                if item.key in self._waiting:
                    self._release(item)
                    self._waiting[item.key].append(item)
                elif self._measure(item):
                    self._waiting[item.key] = [item]
                    yield item

    def _chunks(self, sources: Sequence[Source]) -> Iterator[list[Item]]:
        chunk: list[Item] = []
        size = 0
        for position, source in enumerate(sources):
            if self.progress.cancelled.is_set():
                raise RunCancelled
            try:
                items = self._read(source, position)
            except InputError as error:
                self._fail(source.name, error)
                continue
            chunk += items
            size += sum(item.size for item in items[:1])
            if len(chunk) >= _CHUNK_IMAGES or size >= _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _read(self, source: Source, position: int) -> list[Item]:
        sides = tuple((splitext(side.key)[1].lower(), self._side_digest(side)) for side in source.sides)
        payload = source.read(self.limits)
        cut_out = isinstance(payload, CutPayload)
        note = "" if cut_out else suffix_note(source.name, payload.picture)
        if note:
            self.log.write(note)
        # Once for all its pages: whoever reads the header of each page again reads a thousand pages a million times.
        header = read_header(payload, self.limits) if payload.picture == "TIFF" else None
        pages = header.pages if header else 1
        self._extra_pages += pages - 1
        items = []
        for page in range(pages):
            suffix = f"#{page + 1}" if pages > 1 else ""
            image_id = f"sha256:{payload.digest}{suffix}"
            items.append(
                Item(
                    name=source.name + suffix,
                    order=(position, page),
                    image_id=image_id,
                    size=payload.size,
                    page=page,
                    key=self.keys.key(image_id, sides),
                    sides=sides,
                    payload=payload.share() if page else payload,
                    # The size of a particle is known from its list, and asking its payload would cut it out in this thread.
                    pixels=header.pixels if header else payload.size if cut_out else 0,
                )
            )
        return items

    def _side_digest(self, side: Source) -> str:
        try:
            return side.digest(self.limits)
        except InputError as error:
            self.log.write(f"{side.name} beside an image was not read: {error}")
            return "unread"

    def _measure(self, item: Item) -> bool:
        assert item.payload
        if item.pixels:
            return True
        try:
            item.pixels = read_header(item.payload, self.limits).pixels
        except InputError as error:
            self._release(item)
            self._fail(item.name, error)
            return False
        return True

    def _batches(self, items: Iterator[Item]) -> Iterator[list[Item]]:
        batch: list[Item] = []
        pixels = 0
        for item in items:
            if batch and (len(batch) >= BATCH_IMAGES or pixels + item.pixels > BATCH_PIXELS):
                yield batch
                batch, pixels = [], 0
            batch.append(item)
            pixels += item.pixels
        if batch:
            yield batch

    def _decoded_ahead(
        self, pool: ThreadPoolExecutor, batches: Iterator[list[Item]]
    ) -> Iterator[tuple[list[Item], list[Future[DecodedImage]]]]:
        ahead: tuple[list[Item], list[Future[DecodedImage]]] | None = None
        for batch in batches:
            current = batch, [pool.submit(self._decode, item) for item in batch]
            if ahead:
                yield ahead
            ahead = current
        if ahead:
            yield ahead

    def _decode(self, item: Item) -> DecodedImage:
        assert item.payload
        try:
            pixels = decode(item.payload, item.page, self.limits)
        finally:
            self._release(item)
        return DecodedImage(path=item.name, image_id=item.image_id, pixels=pixels)

    def _predict(self, batch: list[Item], futures: list[Future[DecodedImage]]) -> None:
        if self.progress.cancelled.is_set():
            raise RunCancelled
        items: list[Item] = []
        images: list[DecodedImage] = []
        for item, future in zip(batch, futures, strict=True):
            try:
                images.append(future.result())
                items.append(item)
            except InputError as error:
                self._fail_all(item, error)
        self.work.decoded += len(images)
        answers = self._measured(images, self._ask(images))
        good = {
            item.key: answer
            for item, answer in zip(items, answers, strict=True)
            if isinstance(answer, Prediction)
        }
        self.cache.put_many(good)
        self.work.predicted += len(good)
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, Prediction):
                same = self._waiting.pop(item.key)
                self.work.known += len(same) - 1
                self._finish([(one, answer) for one in same])
            else:
                self._fail_all(item, answer)

    def _ask(self, images: Sequence[DecodedImage]) -> list[Prediction | InputError]:
        """Ask the model; when a batch fails, image by image, so that one picture costs itself alone."""
        if not images:
            return []
        self.work.model_calls += 1
        try:
            answers = list(self.predictor.predict(images))
            if len(answers) != len(images):
                raise ValueError(f"{len(answers)} answers for {len(images)} pictures")
            return [self._checked(answer) for answer in answers]
        except Exception as error:
            if len(images) == 1:
                self.log.error(f"The model failed on {images[0].path}", error)
                return [InputError("model-refused", detail=_words(error))]
        return [answer for image in images for answer in self._ask([image])]

    def _measured(
        self, images: Sequence[DecodedImage], answers: list[Prediction | InputError]
    ) -> list[Prediction | InputError]:
        if self.measure is None:
            return answers
        return [
            replace(answer, statistics={**answer.statistics, **self.measure(image.pixels)})
            if isinstance(answer, Prediction)
            else answer
            for image, answer in zip(images, answers, strict=True)
        ]

    def _checked(self, prediction: Prediction) -> Prediction | InputError:
        if prediction.probabilities.shape != (self.n_labels,):
            return InputError("model-refused", detail="it gave another number of classes than its card says")
        if not (np.isfinite(prediction.probabilities).all() and np.isfinite(prediction.embedding).all()):
            return InputError("model-refused", detail="it gave values that are not numbers")
        return prediction

    def _finish(self, finished: Sequence[tuple[Item, Prediction]]) -> None:
        self.thumbnails.add({item.image_id: one.thumbnail for item, one in finished if one.thumbnail})
        for item, one in finished:
            result = ImageResult(
                item.name,
                item.image_id,
                item.size,
                item.sides,
                one.probabilities,
                one.embedding,
                dict(one.statistics),
            )
            self._results.append((item.order, result))
        self._tell()

    def _fail_all(self, item: Item, error: InputError) -> None:
        for one in self._waiting.pop(item.key):
            self._fail(one.name, error)

    def _fail(self, name: str, error: InputError) -> None:
        self.failures.append(error.row(name))
        self._tell()

    def _release(self, item: Item) -> None:
        if item.payload:
            item.payload.close()
            item.payload = None

    def _tell(self) -> None:
        self.progress.update(
            total=self._total + self._extra_pages,
            done=len(self._results),
            failed=len(self.failures),
            cached=self.work.known,
            predicted=self.work.predicted,
        )


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())[:150]
    return text if text and text.isprintable() else type(error).__name__

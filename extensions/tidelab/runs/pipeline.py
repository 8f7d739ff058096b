"""Images in, predictions out: read, look up, decode, predict, keep. Memory is bounded by pixels, not by the number of images.

Reading and looking up happen in this thread, decoding in a few others, one batch ahead of the model. Every predicted batch is
in the cache before the next begins, so a run that is killed repeats at most one batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from posixpath import splitext
from typing import Final

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.models import Predictor
from tidelab.runs.answers import checked, joined
from tidelab.runs.cache import ResultCache
from tidelab.runs.errors import RunCancelled
from tidelab.runs.failures import FailedFile, InputError, failed
from tidelab.runs.inputs.decode import decode, read_header
from tidelab.runs.inputs.particles import CutPayload
from tidelab.runs.inputs.sniff import suffix_note
from tidelab.runs.inputs.source import Payload, Source
from tidelab.runs.inputs.taken import Taken, taken
from tidelab.runs.items import Finding, ImageResult, Item, Work
from tidelab.runs.keys import KeyMaker
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog
from tidelab.runs.measuring import Measured, Measuring
from tidelab.runs.objects import kept_thumbnails
from tidelab.runs.progress import Progress
from tidelab.runs.thumbnails import ThumbnailWriter

BATCH_IMAGES: Final = 32
BATCH_PIXELS: Final = 24_000_000
"""A batch ends at either; two batches of 24 Mpx are 144 MB of RGB."""

_CHUNK_IMAGES: Final = 256
_CHUNK_BYTES: Final = 64 * 2**20
_DECODERS: Final = 2

Decoded = tuple[DecodedImage, Measured]


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
    measuring
        More statistics of an image, kept with those of the predictor; what they are must be part of `keys`.
    finding
        For a detector; None: the model names images.
    """

    predictor: Predictor
    n_labels: int
    cache: ResultCache
    keys: KeyMaker
    limits: Limits
    progress: Progress
    thumbnails: ThumbnailWriter
    log: RunLog
    measuring: Measuring = field(default_factory=Measuring)
    finding: Finding | None = None
    failures: list[FailedFile] = field(default_factory=list)
    work: Work = field(default_factory=Work)
    results: list[ImageResult] = field(default_factory=list)
    _results: list[tuple[tuple[int, int], ImageResult]] = field(default_factory=list)
    _waiting: dict[bytes, list[Item]] = field(default_factory=dict)
    _extra: int = 0

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
        self._extra += pages - 1
        measurements: Mapping[str, float | str] | None = getattr(source, "measurements", None)
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
                    taken=self._taken(source, payload),
                    measurements=measurements,
                )
            )
        return items

    def _taken(self, source: Source, payload: Payload) -> Taken:
        if self.finding is None:
            return Taken()
        told: Taken | None = getattr(source, "taken", None)
        return told if told is not None else taken(source.name, payload, self.finding.time_zone)

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
    ) -> Iterator[tuple[list[Item], list[Future[Decoded]]]]:
        ahead: tuple[list[Item], list[Future[Decoded]]] | None = None
        for batch in batches:
            current = batch, [pool.submit(self._decode, item) for item in batch]
            if ahead:
                yield ahead
            ahead = current
        if ahead:
            yield ahead

    def _decode(self, item: Item) -> Decoded:
        assert item.payload
        try:
            pixels = decode(item.payload, item.page, self.limits)
        finally:
            self._release(item)
        # Here and not after the prediction: measuring then goes on beside the model.
        return DecodedImage(item.name, item.image_id, pixels), self.measuring.of(pixels)

    def _predict(self, batch: list[Item], futures: list[Future[Decoded]]) -> None:
        if self.progress.cancelled.is_set():
            raise RunCancelled
        items: list[Item] = []
        images: list[DecodedImage] = []
        measured: list[Measured] = []
        for item, future in zip(batch, futures, strict=True):
            try:
                image, numbers = future.result()
            except InputError as error:
                self._fail_all(item, error)
                continue
            items.append(item)
            images.append(image)
            measured.append(numbers)
        self.work.decoded += len(images)
        told = self._ask(images)
        measured = [
            numbers.beside(answer.statistics) if isinstance(answer, Prediction) else numbers
            for numbers, answer in zip(measured, told, strict=True)
        ]
        answers = [joined(*one) for one in zip(images, measured, told, strict=True)]
        good = {
            item.key: answer
            for item, answer, numbers in zip(items, answers, measured, strict=True)
            # A prediction whose measures failed is used and not kept: the next run tries them again.
            if isinstance(answer, Prediction) and not numbers.problems
        }
        self.cache.put_many(good)
        for item, answer, numbers in zip(items, answers, measured, strict=True):
            if isinstance(answer, Prediction):
                self.work.predicted += 1
                self._tell_measures(item, numbers)
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
            return [checked(answer, self.n_labels, self.finding) for answer in answers]
        except Exception as error:
            if len(images) == 1:
                self.log.error(f"The model failed on {images[0].path}", error)
                return [InputError("model-refused", detail=_words(error))]
        return [answer for image in images for answer in self._ask([image])]

    def _tell_measures(self, item: Item, measured: Measured) -> None:
        for measure, error in measured.problems.items():
            self.log.error(f"The measure {measure} failed on {item.name}", error)
            detail = f"{measure}: {_words(error)}"
            # A row besides that of the results: the image was used.
            self._extra += len(self._waiting[item.key])
            self.failures += [
                failed(one.name, "measure-failed", detail=detail) for one in self._waiting[item.key]
            ]

    def _finish(self, finished: Sequence[tuple[Item, Prediction]]) -> None:
        self.thumbnails.add({item.image_id: one.thumbnail for item, one in finished if one.thumbnail})
        for item, one in finished:
            if self.finding is not None and one.detections is not None:
                self.thumbnails.add(kept_thumbnails(item.image_id, one.detections, self.finding.thresholds))
            result = ImageResult(
                item.name,
                item.image_id,
                item.size,
                item.sides,
                one.probabilities,
                one.embedding,
                dict(one.statistics),
                # The thumbnails are on the disk; twenty thousand pictures full of objects are not held in memory.
                None if one.detections is None else replace(one.detections, thumbnails=()),
                item.taken,
                item.measurements,
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
            total=self._total + self._extra,
            done=len(self._results),
            failed=len(self.failures),
            cached=self.work.known,
            predicted=self.work.predicted,
        )


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())[:150]
    return text if text and text.isprintable() else type(error).__name__

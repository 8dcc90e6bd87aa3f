"""A record held against itself and against what is installed: pure checks, without its file. No torch, no pandas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from ccbench.budget import Budget, DataShape
from ccbench.errors import UserError
from ccbench.methods.identity import digest
from ccbench.offers.expressions import Expression
from ccbench.records.cells import ROW, Cell, slug
from ccbench.records.record import Record
from ccbench.training import Recipe
from ccbench.training.learning_rate import learning_rate, look_now
from ccbench.verification.findings import OTHER, UNSEEN, WRONG, Finding, differs
from ccbench.verification.installed import Installed, Known

_VERSIONS = ("method_version", "architecture_version", "protocol_version")
_OF_FILE = ("nominal_ratio", "measured_ratio", "bytes", "images", "classes")
_MEASURED = (*_OF_FILE, "accuracy", "iterations", "train_seconds", "images_per_second", "artifact_sha256")
_NEAR = 1e-9
_CLOCK = 2  # seconds that whole seconds of two clocks may be apart


def check(record: Record, path: Path, installed: Installed) -> list[Finding]:
    """Everything that speaks against a record whose checksum fits."""
    known = installed.data(record.dataset, record.options)
    found = [*_placed(record, path), *_identity(record), *_statuses(record), *_times(record), *_machine(record)]
    found += [*_rows(record, installed), *_data(record, known)]
    if record.ok:
        shape = known.shape if known.train in ("", record.dataset_digest) else None
        found += [*_sizes(record, shape), *_curve(record), *_training(record, installed, shape, known)]
    return found


def as_cell(record: Record) -> Cell:
    """The cell that a record says it is of."""
    return Cell(**{name: getattr(record, name) for name in ROW}, seed=record.seed)


def _placed(record: Record, path: Path) -> Iterator[Finding]:
    """A file is called as its cell and attempt, in the folders of its dataset and method."""
    own = record.path("")
    cell, _, rest = path.name.partition(".")
    attempt = rest.partition(".")[0]
    if cell != record.cell:
        yield differs("cell", record.cell, cell, "its file is called")
    if attempt != str(record.attempt):
        yield differs("attempt", record.attempt, attempt, "its file is called")
    folders = path.parent.parts[-2:]
    for name, said, found in zip(("dataset", "method"), own.parent.parts[-2:], folders, strict=False):
        if said != found:
            yield differs(name, said, found, "its file lies in")


def _identity(record: Record) -> Iterator[Finding]:
    """What follows from the row and the seed by arithmetic."""
    cell = as_cell(record)
    if cell.id != record.cell:
        yield differs("cell", record.cell, cell.id, "its row and seed give")
    if record.seed_value is not None and cell.seed_value != record.seed_value:
        yield differs("seed_value", record.seed_value, cell.seed_value, "its base seed, data, recipe and seed give")
    if not math.isclose(record.ratio, cell.ratio, abs_tol=_NEAR):
        yield differs("ratio", record.ratio, cell.ratio, f"{record.kept} kept is")


def _statuses(record: Record) -> Iterator[Finding]:
    """A number stands where the status says so, and only there."""
    if record.ok:
        if record.reason:
            yield Finding(WRONG, "reason", f"an ok record gives a reason: {record.reason:.100}")
        for name in ("artifact", "artifact_sha256", *_OF_FILE[:4], "seed_value", "iterations", "train_seconds"):
            if getattr(record, name) is None:
                yield Finding(WRONG, name, "an ok record has none")
        if record.best_accuracy is not None and record.accuracy is not None and record.best_accuracy < record.accuracy:
            yield differs("best_accuracy", record.best_accuracy, record.accuracy, "and the last epoch has")
        return
    for name in ("accuracy", "best_accuracy", "final_loss", "iterations", "train_seconds", "curve"):
        if (value := getattr(record, name)) is not None:
            yield Finding(WRONG, name, f"a record that is {record.status} has {value!s:.100}")


def _times(record: Record) -> Iterator[Finding]:
    """Clocks run forward, and a training fits between its ends."""
    started, finished = _moment(record.started), _moment(record.finished)
    if record.finished and finished is None:
        yield Finding(WRONG, "finished", f"{record.finished:.40} is no time")
    if record.started and started is None:
        yield Finding(WRONG, "started", f"{record.started:.40} is no time")
    if finished is not None and finished > datetime.now(UTC).timestamp() + 86400:
        yield Finding(WRONG, "finished", f"{record.finished} is yet to come")
    if started is not None and finished is not None:
        took = finished - started + _CLOCK
        if took < 0:
            yield differs("finished", record.finished, record.started, "it started")
        elif record.train_seconds is not None and record.train_seconds > took:
            yield differs("train_seconds", record.train_seconds, f"{took:g}", "from start to finish passed at most")
    spent = (record.compress_seconds, record.construction_seconds)
    if None not in spent and spent[1] < spent[0] - 1e-6:  # type: ignore[operator]
        yield differs("construction_seconds", spent[1], spent[0], "of which compressing alone took")


def _moment(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _machine(record: Record) -> Iterator[Finding]:
    """Threads are part of the row where a CPU trained."""
    told = record.environment.get("threads")
    if record.ok and told is not None and not record.on_gpu and told != str(record.threads):
        yield differs("threads", record.threads, told, "its environment says")


def _rows(record: Record, installed: Installed) -> Iterator[Finding]:
    """The row against the versions that are installed."""
    if record.lone:
        yield Finding(UNSEEN, "method", "evaluated from a file; no method is said to have made it")
        return
    try:
        here, expression = installed.cell(record), installed.expression(record)
    except UserError as error:
        yield Finding(UNSEEN, "method", f"its row cannot be made here: {error.what}")
        return
    raised = [name for name in _VERSIONS if getattr(here, name) != getattr(record, name)]
    for name in raised:
        yield differs(name, getattr(record, name), getattr(here, name), "installed is", OTHER)
    named = (n for n in ("method", "architecture", "protocol", "teacher") if getattr(here, n) != getattr(record, n))
    for name in named:
        yield differs(name, getattr(record, name), getattr(here, name), "its own name is")
    if here.skip:
        yield Finding(OTHER, "method", here.skip)
    same = not ({"architecture_version", "protocol_version"} & set(raised))
    if here.trained != record.trained and same:
        kind = OTHER if record.teacher else WRONG  # the versions of a teacher's network stand in no row
        yield differs("trained", record.trained, here.trained, "its data, recipe, network and seeds give", kind)
    if here.made != record.made and "method_version" not in raised:
        why = "its data, method and budget give, unless a stage that it needs was of another version,"
        yield differs("made", record.made, here.made, why, OTHER)
    yield from _named(record, expression)


def _named(record: Record, expression: Expression) -> Iterator[Finding]:
    """The name that a run gives to the file of a cell has a digest of what made it."""
    name, _, key = Path(record.artifact or "").stem.rpartition("-")
    if len(key) != 12 or set(key) - set("0123456789abcdef"):
        return  # a user's own name for it
    if name != slug(record.method):
        yield differs("artifact", name, slug(record.method), "its method is called")
    elif key != (found := digest(made=record.made, seed=record.seed if expression.random else None)):
        yield differs("artifact", key, found, "what made it and its seed give")


def _data(record: Record, known: Known) -> Iterator[Finding]:
    """The digests of both splits against those that are here."""
    if known.missing:
        yield Finding(UNSEEN, "dataset", f"{record.dataset} is not here: {known.missing}")
    for name, here in (("dataset_digest", known.train), ("test_digest", known.test)):
        said = getattr(record, name)
        if here and said and said != here:
            yield differs(name, said, here, f"{record.dataset} here has", OTHER)


def _sizes(record: Record, shape: DataShape | None) -> Iterator[Finding]:
    """Bytes, ratios, images and classes against one another and against the dataset's shape."""
    if shape is None or record.bytes is None or record.measured_ratio is None or record.nominal_ratio is None:
        return
    measured = 1 - record.bytes / shape.raw_bytes
    if not math.isclose(record.measured_ratio, measured, abs_tol=_NEAR):
        yield differs("measured_ratio", record.measured_ratio, measured, f"{record.bytes:,} bytes are")
    if record.classes is not None and record.classes != shape.classes:
        yield differs("classes", record.classes, shape.classes, "its dataset has")
    allowed, nominal = Budget(record.kept), Fraction(1 - record.nominal_ratio)
    reference = record.kept == 1
    slack = Fraction(record.method.count("+") + 1, 2 * shape.images) + Fraction(1, 10**9)
    if record.match == "nominal" and not reference and nominal > allowed.kept + slack:
        yield differs("nominal_ratio", record.nominal_ratio, float(1 - allowed.kept), "its budget asks for")
    if record.match == "bytes" and not reference and record.bytes > allowed.bytes(shape):
        yield differs("bytes", record.bytes, allowed.bytes(shape), "its budget allows")
    if record.images is not None:
        yield from _images(record, nominal, shape)


def _images(record: Record, nominal: Fraction, shape: DataShape) -> Iterator[Finding]:
    """So many images of the dataset's size take from nothing to 96 bits a pixel."""
    images = record.images or 0
    if images < 1:
        yield Finding(WRONG, "images", "a file has at least one")
    elif not record.picture and not 0 < nominal * shape.images / images <= 4:
        bits = float(24 * nominal * shape.images / images)
        yield differs("images", images, f"{bits:.4g} bits a pixel", f"a nominal ratio of {record.nominal_ratio:.4g} is")


def _training(record: Record, installed: Installed, shape: DataShape | None, known: Known) -> Iterator[Finding]:
    """Iterations, labels, looks and accuracies against the recipe and the test split."""
    yield from _shares(record, known)
    try:
        protocol = installed.recipe(record)
    except UserError:
        return  # said of the row
    if shape is None or protocol.version != record.protocol_version:
        return
    kept = Budget(record.kept).images(shape)
    sizes = [n for n in dict.fromkeys((kept, record.images or kept)) if n]  # a run goes by its budget, the first
    try:
        recipes = [protocol.train.resolve(record.architecture, shape, n) for n in sizes]
    except UserError as error:
        yield Finding(OTHER, "architecture", error.what)
        return
    counts = [recipe.updates(n, shape.images) for n, recipe in zip(sizes, recipes, strict=True)]
    recipe = recipes[0]
    if record.iterations is not None and record.iterations not in counts[: None if record.lone else 1]:
        yield differs("iterations", record.iterations, counts[0], f"protocol {record.protocol} asks for")
    yield from _speed(record, recipe.batch, whole=recipe.epochs_of == "full")
    yield from _course(record, recipe)
    looks = bool(recipe.evaluate_every or recipe.evaluate_every_epochs)
    if looks != (record.best_accuracy is not None):
        what = "none" if not looks else "one"
        yield Finding(WRONG, "best_accuracy", f"protocol {record.protocol} gives {what}, the record says otherwise")
    allowed = {recipe.labels, "hard"} if recipe.labels == "soft" else {recipe.labels}
    if record.labels and record.labels not in allowed:
        yield differs("labels", record.labels, " or ".join(sorted(allowed)), f"protocol {record.protocol} has")
    if record.learned_lr is not None and not recipe.learned_lr:
        yield Finding(WRONG, "learned_lr", f"protocol {record.protocol} takes none from files")
    taught = recipe.labels == "teacher"
    for name in ("teacher_accuracy", "teacher_bytes"):
        if (getattr(record, name) is not None) != taught:
            yield Finding(WRONG, name, f"protocol {record.protocol} has {'a' if taught else 'no'} teacher")


def _curve(record: Record) -> Iterator[Finding]:
    """The course of a training ends where the record says that it ended."""
    curve = record.curve
    if curve is None:  # a record of before there were any
        return
    if curve.iterations[-1] != record.iterations:
        yield differs("curve", f"{curve.iterations[-1]:,} iterations", record.iterations, "the training had")
    if record.final_loss is not None and not math.isclose(curve.last_loss, record.final_loss, rel_tol=1e-4):
        yield differs("curve", f"a loss of {curve.last_loss:g} at its end", f"{record.final_loss:g}", "final_loss is")
    if bool(curve.looked) != (record.best_accuracy is not None):
        what = "looks at the test set" if curve.looked else "no looks at the test set"
        yield differs("curve", what, record.best_accuracy, "best_accuracy is")
    if not curve.looked:
        return
    if (curve.looked[-1], curve.accuracy[-1]) != (record.iterations, record.accuracy):
        yield differs("curve", f"{curve.accuracy[-1]} at its end", record.accuracy, "accuracy is")
    if max(curve.accuracy) != record.best_accuracy:
        yield differs("curve", f"{max(curve.accuracy)} at best", record.best_accuracy, "best_accuracy is")


def _course(record: Record, recipe: Recipe) -> Iterator[Finding]:
    """Rates follow from the recipe, and so does when the test set is looked at."""
    curve = record.curve
    if curve is None:
        return
    own = recipe if record.learned_lr is None else replace(recipe, lr=record.learned_lr)
    for done, rate in zip(curve.iterations, curve.lr, strict=True):
        here = learning_rate(own, done - 1, curve.iterations[-1])
        if not math.isclose(rate, here, rel_tol=1e-6, abs_tol=1e-12):
            yield differs("curve", f"a learning rate of {rate:g} after {done:,}", f"{here:g}", "its recipe gives")
            break
    for done in curve.looked[:-1]:
        if not look_now(own, done, curve.iterations[-1]):
            yield Finding(
                WRONG, "curve", f"the test set looked at after {done:,} iterations, where its recipe does not"
            )
            break


def _speed(record: Record, batch: int, *, whole: bool) -> Iterator[Finding]:
    """Images per second by seconds are the images of all batches."""
    if not record.images_per_second or not record.train_seconds or not record.iterations:
        return
    shown, most = record.images_per_second * record.train_seconds, record.iterations * batch
    full = math.isclose(shown, most, rel_tol=1e-6)
    if not full and (whole or shown > most or not math.isclose(shown, round(shown), rel_tol=1e-6)):
        text = f"{record.images_per_second:.6g} a second for {record.train_seconds:.6g} s are {shown:.6g} images"
        yield Finding(WRONG, "images_per_second", f"{text}; {record.iterations:,} batches of {batch} are {most:,}")


def _shares(record: Record, known: Known) -> Iterator[Finding]:
    """An accuracy is a whole number of test images."""
    n = known.test_images if known.test == record.test_digest else record.test_images
    if record.test_images is not None and record.test_images != n:
        yield differs("test_images", record.test_images, n, "its test split has")
    for name in ("accuracy", "best_accuracy", "teacher_accuracy"):
        value = getattr(record, name)
        if n and value is not None and not _share(value, n):
            yield differs(name, value, round(value * n) / n, f"of {n:,} test images the nearest share is")
    odd = [v for v in record.curve.accuracy if not _share(v, n)] if record.curve and n else []
    if odd:
        yield Finding(WRONG, "curve", f"{odd[0]} is no share of {n:,} test images")


def _share(value: float, n: int) -> bool:
    return math.isclose(value * n, round(value * n), abs_tol=1e-6)

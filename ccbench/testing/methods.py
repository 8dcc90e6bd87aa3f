"""The checks of a method, in the order they run."""

from __future__ import annotations

import importlib.util
import keyword
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ccbench.archive import CompressedDataset, RawImages
from ccbench.errors import MethodError, Skipped, UserError
from ccbench.methods.compress import compress, notes_of, prepare
from ccbench.methods.guard import undisturbed
from ccbench.methods.task import Task
from ccbench.offers import faults
from ccbench.offers.cards import read
from ccbench.offers.expressions import Expression, parse
from ccbench.offers.specs import Spec
from ccbench.testing.lab import Lab, levels
from ccbench.testing.offers import HALF
from ccbench.testing.report import Failed, NotRun

Check = Callable[[Lab], str]
METHOD_CHECKS: dict[str, Check] = {}


def _check(name: str) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        METHOD_CHECKS[name] = function
        return function

    return register


def need(condition: object, text: str, log: str = "") -> None:
    """Fail with a text, and perhaps a traceback from elsewhere, unless something holds."""
    if not condition:
        raise Failed(text, log)


@_check("version declared")
def version(lab: Lab) -> str:
    """Every step's spec says a version."""
    versions = {step.name: step.spec.version for step in lab.expression.steps}
    for name, text in versions.items():
        need(isinstance(text, str) and text.strip(), f"{name} declares no version")
    return ", ".join(f"{name} {text}" for name, text in versions.items())


@_check("spec and parameters documented")
def spec(lab: Lab) -> str:
    """The spec is sound, says what the method is, and documents parameters whose defaults it accepts."""
    for step in lab.expression.steps:
        declared = step.spec
        declared.check()
        text = str(declared.summary)
        need(text.strip() and "\n" not in text, f"{step.name}: the summary must be one line, found {text!r}")
        check_params(declared)
        for asked in declared.asks():
            lab.plugins.get("stage", asked.stage)
        for module in declared.imports:
            need(importlib.util.find_spec(module), f"{step.name} needs the module {module}, which is not installed")
        if declared.budgets == "bits":
            good = declared.bits and all(isinstance(q, int) and 1 <= q <= 24 for q in declared.bits)
            need(good, f"{step.name}: bits must be whole numbers from 1 to 24, found {declared.bits!r}")
    return f"{sum(len(s.spec.params) for s in lab.expression.steps)} parameters"


def check_params(declared: Spec) -> None:
    """Each parameter has a usable name, a text, and a default within its own bounds.

    Raises:
        Failed: it has not.
    """
    names = [p.name for p in declared.params]
    need(len(set(names)) == len(names), f"{declared.name} declares a parameter twice: {names}")
    for param in declared.params:
        where = f"{declared.name}: parameter {param.name!r}"
        need(param.name.isidentifier() and not keyword.iskeyword(param.name), f"{where} is no Python name")
        need(str(param.doc).strip(), f"{where} has no doc")
        try:
            value = param.read(param.default, declared.name)
        except UserError as error:
            raise Failed(f"{where} does not accept its own default: {error}") from None
        need(value == param.default, f"{where} reads its default {param.default!r} as {value!r}")


@_check("card fits the schema")
def card(lab: Lab) -> str:
    """The card of every step, where it has one, can be read and fits ``registry/schema.json``."""
    return "; ".join(check_card(step.spec) for step in lab.expression.steps)


def check_card(declared: Spec) -> str:
    """What an offer's card holds, in words.

    Raises:
        Failed: it cannot be read, or does not fit.
    """
    try:
        found = read(declared)
    except UserError as error:
        raise Failed(str(error)) from None
    if found is None:
        return f"{declared.name} has none"
    return f"{declared.name}: {len(found.get('open', []))} open questions"


@_check("builds with its defaults")
def builds(lab: Lab) -> str:
    """The target can be imported and takes every declared parameter by keyword."""
    for step in lab.expression.steps:
        try:
            method = step.build()
        except Exception as error:
            raise Failed(f"{step.spec.target} cannot be built by keyword: {said(error, lab.modules)}") from error
        need(callable(getattr(method, "compress", None)), f"{step.spec.target} has no compress(task) method")
        skip = getattr(method, "skip", None)
        need(skip is None or callable(skip), f"{step.spec.target}: skip must be a method")
        shares = callable(getattr(method, "prepare", None)) or not step.spec.prepare
        need(shares, f"{step.spec.target}: the spec says prepare=True, but there is no prepare(task, part, parts)")
    return ", ".join(step.spec.target for step in lab.expression.steps)


@_check("works in a spawned process")
def process(lab: Lab) -> str:
    """It ends, and well, in a fresh process with an empty store, within the time limit."""
    ended = lab.apart
    need(ended.status != "skipped", f"the method declines every budget of the kit: {ended.reason}")
    need(ended.status == "ok", f"{ended.status}: {ended.reason}", ended.log)
    need(not ended.value["faults"], "; ".join(ended.value["faults"]), ended.value["log"])
    return "finished"


@_check("returns a CompressedDataset")
def returns(lab: Lab) -> str:
    """A compressed dataset with images in it."""
    made = lab.make()
    need(isinstance(made.result, CompressedDataset), f"found {type(made.result).__name__}")
    return f"{len(made.result)} images, {len(made.file)} bytes at {lab.levels[lab.first][0]}"


@_check("same seed, same bytes")
def same_seed(lab: Lab) -> str:
    """Two new method objects, and one in another process that had to make its stages anew, agree to the byte."""
    first = lab.make().file
    need(lab.make(again=1).file == first, "two runs with the same seed wrote different files")
    other = (lab.folder / "apart.ccb").read_bytes()
    need(other == first, "a spawned process wrote a different file from the same seed")
    return "2 runs here, 1 in a spawned process"


@_check("another seed")
def other_seed(lab: Lab) -> str:
    """Other bytes where the spec says random=True, the same bytes where it says random=False."""
    first = lab.make().file
    seen = Expression(tuple(replace(s, spec=replace(s.spec, random=True)) for s in lab.expression.steps))
    differing = [seed for seed in (1, 2) if lab.make(seed=seed, expression=seen).file != first]
    if lab.expression.random:
        need(differing, "declared random=True, but seeds 0, 1 and 2 gave the same file; declare random=False")
        return "random=True: other bytes"
    need(not differing, f"declared random=False, but seed {differing} gave another file; declare random=True")
    return "random=False: the same bytes"


@_check("budget respected")
def budget(lab: Lab) -> str:
    """At every level the nominal size is within the budget, rounded to whole images."""
    shape = lab.splits.train.shape
    told = []
    for level in range(lab.first, len(lab.levels)):
        title, allowed = lab.levels[level]
        try:
            made = lab.make(level)
        except Skipped:
            told.append(f"{title}: declined")
            continue
        except Exception as error:
            raise Failed(f"at {title}: {said(error, lab.modules)}") from error
        kept = CompressedDataset.nominal_kept(made.result, shape)
        over = f"{lab.expression.label} is over its budget: it keeps {float(kept):.4g} of the raw bytes"
        slack = Fraction(1, 2 * shape.images)
        need(kept <= allowed.kept + slack, f"at {title}: {over}, {float(allowed.kept):.4g} were allowed")
        told.append(f"{title}: {float(kept):.4g}")
    return "; ".join(told)


@_check("ids unique and in range")
def ids(lab: Lab) -> str:
    """Ids are positions in the training set, each at most once; -1 is for synthetic images."""
    n = len(lab.splits.train)
    synthetic = 0
    for title, _, made in lab.all_levels():
        ids = np.asarray(made.result.ids)
        real = ids[ids >= 0]
        need(len(np.unique(real)) == len(real), f"at {title} an id comes twice")
        need(not len(real) or real.max() < n, f"at {title} there is id {real.max(initial=0)}; the set has {n} images")
        need(ids.min() >= -1, f"at {title} there is id {ids.min()}")
        synthetic += len(ids) - len(real)
    return f"{synthetic} synthetic images" if synthetic else ""


@_check("classes unchanged")
def classes(lab: Lab) -> str:
    """The class names are the training set's, in its order."""
    for title, _, made in lab.all_levels():
        found, given = tuple(made.result.classes), lab.splits.train.classes
        need(found == given, f"at {title} the classes are {found}, given were {given}")
    return ", ".join(lab.splits.train.classes)


@_check("labels and pixels true")
def labels(lab: Lab) -> str:
    """Images that keep their id keep its label, and raw images keep its pixels."""
    train = lab.splits.train
    for title, _, made in lab.all_levels():
        result = made.result
        real = np.flatnonzero((result.ids >= 0) & (result.ids < len(train)))
        wrong = int(np.count_nonzero(result.labels[real] != train.labels[result.ids[real]]))
        need(not wrong, f"at {title} {wrong} labels differ from the training set's at the same ids")
        if isinstance(result.payload, RawImages) and len(real):
            same = np.array_equal(result.payload.images[real], train.images[result.ids[real]])
            need(same, f"at {title} raw images differ from the training set's at the same ids")
    return ""


@_check("counted by its file")
def counted(lab: Lab) -> str:
    """The size, the bits per pixel and the share kept are those of the file, whatever the result says of itself."""
    shape, sizes = lab.splits.train.shape, set()
    for title, _, made in lab.all_levels():
        path, own = lab.folder / "counted.ccb", lab.folder / "own.ccb"
        path.write_bytes(made.file)
        said = made.result.save(own)
        need(own.read_bytes() == made.file, f"at {title} its own save() writes another file than CompressedDataset")
        need(said == len(made.file), f"at {title} save() says {said} bytes, the file has {len(made.file)}")
        back = CompressedDataset.open(path)
        for what, found, true in (
            ("nominal_kept", made.result.nominal_kept(shape), back.nominal_kept(shape)),
            ("bits_per_pixel", made.result.bits_per_pixel, back.bits_per_pixel),
        ):
            need(found == true, f"at {title} {what} says {float(found):.4g}, its file has {float(true):.4g}")
        sizes |= {back.shape} - {(shape.height, shape.width)}
    larger = ", ".join(f"{width} x {height}" for height, width in sorted(sizes))
    own_size = f"; pictures of {larger} where the set has {shape.width} x {shape.height}" if sizes else ""
    return f"{len(lab.levels)} files{own_size}"


@_check("file round trip")
def round_trip(lab: Lab) -> str:
    """What is read back from the file decodes to the same images and labels."""
    for title, _, made in lab.all_levels():
        path = lab.folder / "read.ccb"
        path.write_bytes(made.file)
        back, result = CompressedDataset.open(path), made.result
        need(np.array_equal(back.ids, result.ids), f"at {title} the ids came back different")
        need(np.array_equal(back.labels, result.labels), f"at {title} the labels came back different")
        index = np.arange(len(result))
        images, before = back.decode(index), result.decode(index)
        want = (len(result), 3, *result.shape)
        need(tuple(images.shape) == want, f"at {title} decoding gives {tuple(images.shape)}, expected {want}")
        need(bool((images == before).all()), f"at {title} the images came back different")
    return f"{len(lab.levels)} files"


@_check("no test data touched")
def test_data(lab: Lab) -> str:
    """The test split lay on disk all the while, and was not opened."""
    files = sorted(p.name for p in lab.folder.rglob("test-*"))
    need(files, "the kit has no test split on disk")
    for title, _, made in lab.all_levels():
        need(not made.touched, f"at {title} it opened {', '.join(dict.fromkeys(made.touched))}")
    return f"watched {', '.join(files)}"


@_check("nothing global changed")
def undisturbing(lab: Lab) -> str:
    """Random states, working folder, PyTorch's settings, streams, functions, the training set itself are as before."""
    changed = sorted({w for _, _, made in lab.all_levels() for w in made.warnings if w not in notes_of(made.result)})
    need(not changed, "; ".join(changed))
    from ccbench.testing.images import image_set

    before, now = image_set("train"), lab.splits.train
    same = np.array_equal(now.images, before.images) and np.array_equal(now.labels, before.labels)
    need(same, "the training set itself was changed")
    return "random states, working folder, PyTorch's settings, streams, functions, training set"


@_check("one object, two calls")
def twice(lab: Lab) -> str:
    """A method object holds no state: its second compression equals the first."""
    step = lab.expression.steps[0]
    train, bench = lab.splits.train, lab.bench()
    title, whole = lab.levels[lab.first]
    budget = lab.expression.budgets(whole, train.shape)[0]
    task = Task(bench, train, budget, np.arange(len(train)), {"method": step.label, "seed": 0})
    method = step.build()
    if callable(getattr(method, "skip", None)) and method.skip(task):
        raise NotRun(f"{step.name} declines {title}")
    with undisturbed():
        first, second = method.compress(task), method.compress(task)
    files = []
    for number, result in enumerate((first, second)):
        path = lab.folder / f"call{number}.ccb"
        result.save(path)
        files.append(path.read_bytes())
    need(files[0] == files[1], f"{step.name}: the second call of compress(task) gave another result")
    return ""


@_check("shares of its work")
def shares(lab: Lab) -> str:
    """What ``prepare`` leaves in an empty store, in two parts and in any order, ends in the same file."""
    step, (title, budget) = lab.expression.steps[0], lab.levels[lab.first]
    if len(lab.expression.steps) > 1 or not step.spec.prepare:
        return "it shares none"
    bench = lab.bench("shares")
    for part in (1, 0):
        prepare(lab.expression, budget, bench, part=part, parts=2)
    path = lab.folder / "shares.ccb"
    compress(lab.expression, budget, bench).save(path)
    need(path.read_bytes() == lab.make().file, f"at {title} work done in two shares gave another file")
    return "2 shares"


@_check("second step of a pipeline")
def pipeline(lab: Lab) -> str:
    """After a selection it sees fewer images, and its ids still are those of the whole set."""
    if lab.expression.reference or len(lab.expression.steps) > 1:
        raise NotRun("for a single method that keeps less than everything")
    lab.first  # noqa: B018 - nothing runs here that did not come back from its own process
    expression = parse(f"{HALF}[fraction=0.5]+{lab.expression.label}", lab.plugins)
    made = lab.compress(expression, levels(expression, lab.splits.train.shape)[0][1])
    train, result = lab.splits.train, made.result
    real = np.flatnonzero((result.ids >= 0) & (result.ids < len(train)))
    right = np.array_equal(result.labels[real], train.labels[result.ids[real]])
    need(right, f"in {expression.label} labels differ from the training set's at the same ids")
    return f"{expression.label} keeps {len(result)} images"


@_check("a network trains on it")
def trains(lab: Lab) -> str:
    """The evaluation loop takes the file; how well it does on the kit's images means nothing."""
    from ccbench.testing import offers
    from ccbench.training import evaluate, load_protocol

    protocol = load_protocol(offers.PROTOCOL, lab.plugins)
    _, _, made = lab.all_levels()[0]
    outcome = evaluate(
        made.result,
        lab.splits.test,
        protocol=protocol,
        architecture=protocol.architecture,
        full=lab.splits.train.shape,
        seed=0,
        device="cpu",
        plugins=lab.plugins,
    )
    need(np.isfinite(outcome.final_loss), f"the loss ended at {outcome.final_loss}")
    return f"{outcome.iterations} iterations, loss {outcome.final_loss:.3g}"


def said(error: BaseException, modules: Iterable[str] = ()) -> str:
    """One line: the text of an error that speaks for itself; type, text and place in the plugin of any other."""
    return " ".join(str(error).split()) if isinstance(error, (MethodError, UserError)) else faults.said(error, modules)

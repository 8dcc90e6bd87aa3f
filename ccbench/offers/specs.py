"""What a plugin offers, as data: listing, describing and planning import nothing else."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ccbench.budget import GRID, DataShape
from ccbench.errors import UserError
from ccbench.offers.resources import check_reference, read_layers, resource

_INNER = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]"
BRACKETS = rf"\[((?:[^\[\]]|{_INNER})*)\]"  # values may have brackets of their own: dm[init=ccs[score=tdds[t=20]]]
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*:?")  # a trailing colon is a family: folder:PATH


@dataclass(frozen=True, kw_only=True)
class Param:
    """One parameter: its name, default, meaning and the values it takes.

    The type is the default's type unless ``type`` says otherwise; ``choices``,
    ``low`` and ``high`` (both included) bound it. ``choices`` may name a kind of
    offer: ``choices="score"`` takes ``aum`` and whatever score a plugin offers, and
    the ``words`` beside them. A method that is named so selects training images; see
    :meth:`ccbench.methods.task.Task.selection`.
    A parameter of type ``Path`` names a file or a folder of files, which must be
    there; its content is part of the identity of every result.
    """

    name: str
    default: Any
    doc: str
    type: type | None = None
    choices: tuple[Any, ...] | str | None = None
    words: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.type in (float, Path) and isinstance(self.default, (int, float, str)):
            kind: Any = self.type
            object.__setattr__(self, "default", kind(self.default))  # one value, however it is written

    def read(self, text: Any, owner: str) -> Any:
        """The typed and checked value of what a user wrote."""
        kind = self.type or type(self.default)
        try:
            if text is None or (self.default is None and str(text).lower() in {"none", "auto"}):
                return None
            value = _BOOLEANS[str(text).lower()] if kind is bool else text if kind is type(None) else kind(text)
            if isinstance(value, Path) and not (value.is_file() or value.is_dir()):
                raise UserError(f"{owner}: parameter {self.name} names a file that is not there", found=text)
        except (ValueError, KeyError, TypeError, OSError):
            raise UserError(f"{owner}: parameter {self.name} takes {kind.__name__}", found=text) from None
        if isinstance(self.choices, tuple) and value not in self.choices:
            raise UserError(
                f"{owner}: parameter {self.name} takes one of {', '.join(map(str, self.choices))}", found=text
            )
        if kind in (int, float) and not (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        ):
            low, high = ("-inf" if self.low is None else self.low), ("inf" if self.high is None else self.high)
            raise UserError(f"{owner}: parameter {self.name} must lie in [{low}, {high}]", found=text)
        return value


@dataclass(frozen=True, init=False)
class Alias:
    """Another name for an offer with some of its parameters set: ``Alias("convnet-d4", depth=4)``.

    Users write it like any name, ``convnet-d4[width=64]`` too. Results stand under the offer's own name:
    ``convnet[width=64,depth=4]``.

    Args:
        name: lower-case letters, digits, ``.``, ``_`` and ``-``.
        params: of the offer; none for a mere other name.
    """

    name: str
    params: tuple[tuple[str, Any], ...]

    def __init__(self, name: str, /, **params: Any) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "params", tuple(params.items()))


_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every offer has in common.

    Attributes:
        name: lower-case letters, digits, ``.``, ``_`` and ``-``; for a dataset or
            method family a trailing colon, so that ``folder:`` answers ``folder:PATH``.
        target: ``"module:attribute"``, imported only when it runs.
        version: raised whenever the same input would give another output.
        summary: one line.
        params: what a user may set in ``name[param=value]``.
        card: its paper and the questions that it leaves open, ``"package:path/inside.toml"``; "": ``cards/NAME.toml``
            in the package of the target, where there is one.
        paper: where an offer without a card was published, or "".
        imports: modules it needs that ccbench does not bring along.
        aliases: other names that users may write, each an :class:`Alias`; not for stages and commands.
    """

    kind: ClassVar[str] = ""
    carded: ClassVar[bool] = False  # whether cards/NAME.toml beside the target is its card
    name: str
    target: str
    version: str
    summary: str
    params: tuple[Param, ...] = ()
    card: str = ""
    paper: str = ""
    imports: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()

    def check(self) -> None:
        """Raise UserError where the spec itself is malformed."""
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise UserError(f"{self.kind} name must match {NAME.pattern}", found=repr(self.name))
        self.check_place()
        if not isinstance(self.version, str) or not self.version:
            raise UserError(f"{self.kind} {self.name}: no version declared", mend='give it version="1"')
        if self.card:
            check_reference(self.card, f"{self.kind} {self.name}: card")
        if not all(isinstance(p, Param) for p in self.params):
            raise UserError(
                f"{self.kind} {self.name}: params must be ccbench.offers.specs.Param", found=repr(self.params)
            )
        for param in self.params:
            if isinstance(param.choices, str) and param.choices not in KINDS:
                raise UserError(
                    f"{self.kind} {self.name}: choices of {param.name} name a kind of offer or list values",
                    found=repr(param.choices),
                    mend=f"one of {', '.join(KINDS)}",
                )
            if param.words and not isinstance(param.choices, str):
                raise UserError(
                    f"{self.kind} {self.name}: words of {param.name} stand beside a kind of offer",
                    found=f"choices={param.choices!r}, words={param.words!r}",
                )

        self._check_aliases()

    def _check_aliases(self) -> None:
        if self.aliases and self.kind in {"stage", "command"}:
            raise UserError(f"{self.kind} {self.name}: a {self.kind} has one name and no aliases")
        if self.aliases and self.name.endswith(":"):
            raise UserError(f"{self.kind} {self.name}: a family has no aliases")
        given: Any = self.aliases  # Alias("x") without a comma is no tuple
        taken, several = {self.name}, isinstance(given, tuple | list)
        for alias in given if several else (given,):
            name = alias.name if several and isinstance(alias, Alias) else None
            if not isinstance(name, str) or not NAME.fullmatch(name) or name.endswith(":"):
                raise UserError(
                    f"{self.kind} {self.name}: aliases are names with parameters, in a tuple",
                    found=repr(self.aliases),
                    mend='for example aliases=(Alias("convnet-d4", depth=4),)',
                )
            if alias.name in taken:
                raise UserError(f"{self.kind} {self.name}: {alias.name!r} is its name already")
            taken.add(alias.name)
            try:
                self.read_params(dict(alias.params))
            except UserError as error:
                raise UserError(
                    f"{self.kind} {self.name}: alias {alias.name}: {error.what}", found=error.found
                ) from None

    def check_place(self) -> None:
        """Raise UserError where nothing says what the offer is made from."""
        if not isinstance(self.target, str) or not re.fullmatch(r"[\w.]+:[\w.]+", self.target):
            raise UserError(f"{self.kind} {self.name}: target must read 'module:attribute'", found=repr(self.target))

    @property
    def place(self) -> str:
        """What the offer is made from: its target."""
        return self.target

    def load(self) -> Any:
        """Import the target."""
        return imported(self.target)

    def read_params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter with its typed value; unknown names raise UserError with a suggestion."""
        known = {p.name: p for p in self.params}
        for name in given:
            if name not in known:
                raise UserError(
                    f"{self.kind} {self.name} has no parameter {name!r}{did_you_mean(name, known)}",
                    mend=f"ccbench describe {self.name}",
                )
        return {n: p.read(given[n], self.name) if n in given else p.default for n, p in known.items()}

    def build(self, **given: Any) -> Any:
        """Import the target and call it with every parameter by keyword."""
        return self.load()(**self.read_params(given))

    def edition(self, params: Mapping[str, Any]) -> str:
        """The version, and behind an ``@`` twelve hexadecimal digits over what its files hold, where it reads any.

        Args:
            params: every parameter, typed.
        """
        files = {p.name: content(params[p.name]) for p in self.params if isinstance(params[p.name], Path)}
        return f"{self.version}@{_hash(files)}" if files else self.version


@dataclass(frozen=True, init=False)
class Need:
    """A stage that a method or another stage asks for: ``Need("score", score="aum")``.

    Args:
        stage: its name.
        when: asked for only where each of these parameters of the asker has that value, or one of several in a tuple:
            ``Need("teacher", when={"soft_labels": "stored"})``.
        unless: not asked for where one of these parameters has that value, or one of several in a tuple:
            ``Need("attention", unless={"drop": 0})``.
        params: parameters of the stage that are set here. The others that it has in common with the asker are handed
            on: ``Need("features")`` of a method with a parameter ``proxy`` means the features of that proxy. A text may
            have the asker's own parameters in braces: ``Need("score", score="tdds[t={t}]")``.
    """

    stage: str
    when: tuple[tuple[str, tuple[Any, ...]], ...]
    unless: tuple[tuple[str, tuple[Any, ...]], ...]
    params: tuple[tuple[str, Any], ...]

    def __init__(
        self,
        stage: str,
        /,
        *,
        when: Mapping[str, Any] | None = None,
        unless: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> None:
        given = {"stage": stage, "when": _conditions(when), "unless": _conditions(unless)}
        for field_, value in (given | {"params": tuple(params.items())}).items():
            object.__setattr__(self, field_, value)

    def __str__(self) -> str:
        """For people: ``score[score=aum]``, ``teacher where soft_labels is stored``."""
        given = ",".join(f"{name}={value}" for name, value in self.params)
        held = [f"{name} is {' or '.join(map(str, values))}" for name, values in self.when]
        held += [f"{name} is not {' or '.join(map(str, values))}" for name, values in self.unless]
        conditions = " and ".join(held)
        return self.stage + (f"[{given}]" if given else "") + (f" where {conditions}" if conditions else "")

    def check(self, owner: str, known: Mapping[str, Param]) -> None:
        """Raise UserError where the need itself is malformed.

        Args:
            owner: who asks, for errors.
            known: the asker's parameters by name.
        """
        if not isinstance(self.stage, str) or not NAME.fullmatch(self.stage):
            raise UserError(
                f"{owner}: needs are names of stages, or say more as a Need",
                found=repr(self.stage),
                mend='for example needs=("proxy", Need("score", score="aum"), Need("teacher", when={"soft": True}))',
            )
        try:
            self.told(dict.fromkeys(known))
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            raise UserError(
                f"{owner}: {self.stage} is needed with a text whose braces name no parameter of {owner}",
                found=f"{self}: {error}",
            ) from None
        for name, values in self.when + self.unless:
            if name not in known:
                raise UserError(
                    f"{owner}: {self.stage} is needed where {name!r} has a value, and there is no such parameter"
                    f"{did_you_mean(name, known)}",
                    found=str(self),
                )
            for value in values:
                try:
                    known[name].read(value, owner)
                except UserError as error:
                    raise UserError(
                        f"{owner}: {self.stage} is needed where {name} is {value!r}, which it never is",
                        found=error.what,
                    ) from None

    def told(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that are set here, those of the asker, typed, filled in."""
        return {n: v.format_map(params) if isinstance(v, str) else v for n, v in self.params}

    def holds(self, params: Mapping[str, Any], known: Mapping[str, Param]) -> bool:
        """Whether it is asked for with these parameters of the asker, typed."""

        def is_one(name: str, values: tuple[Any, ...]) -> bool:
            return params[name] in [known[name].read(v, self.stage) for v in values]

        return all(is_one(*each) for each in self.when) and not any(is_one(*each) for each in self.unless)


def _conditions(given: Mapping[str, Any] | None) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return tuple((name, value if isinstance(value, tuple) else (value,)) for name, value in (given or {}).items())


@dataclass(frozen=True, kw_only=True)
class NeedingSpec(Spec):
    """What asks for stages: a method, or a stage itself.

    Attributes:
        needs: the stages it asks for, each a :class:`Need` or, in short, a stage's name. What they depend on becomes
            part of its identity, and no other stage is given to it.
    """

    needs: tuple[str | Need, ...] = ()

    def check(self) -> None:
        """Raise UserError where the spec itself is malformed."""
        super().check()
        known = {p.name: p for p in self.params}
        for need in self._needs():
            need.check(f"{self.kind} {self.name}", known)

    def asks(self, params: Mapping[str, Any] | None = None) -> list[Need]:
        """Every need that holds with these parameters, typed; None: all needs."""
        known = {p.name: p for p in self.params}
        return [need for need in self._needs() if params is None or need.holds(params, known)]

    def stages(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the stages that it asks for with these parameters."""
        return tuple(dict.fromkeys(need.stage for need in self.asks(params)))

    def _needs(self) -> list[Need]:
        needs = (self.needs,) if isinstance(self.needs, str | Need) else self.needs
        return [need if isinstance(need, Need) else Need(need) for need in needs]


@dataclass(frozen=True, kw_only=True)
class MethodSpec(NeedingSpec):
    """A compression method; its target is a class with ``compress(task) -> CompressedDataset``.

    It is built with every parameter by keyword. A family, whose name ends in a colon, answers to ``name:ANYTHING`` and
    also gets ``argument="ANYTHING"``; so do ``identity`` and ``ready``, among the parameters.

    Attributes:
        budgets: ``"fraction"`` takes any budget by keeping fewer images, ``"bits"``
            only q/24 for q in ``bits``, ``"any"`` any budget, ``"none"`` keeps everything.
        bits: the palette sizes a ``"bits"`` method can hit.
        random: whether another seed gives another result.
        identity: ``"module:function"``, called as ``f(params)``: what changes the result and is neither a
            parameter nor a file that a parameter of type ``Path`` names, such as the revision of a model in a cache:
            a text that changes with it, or "". It becomes part of the method's version.
        ready: ``"module:function"``, called as ``f(params, device)`` before any work of a run starts: the reason why
            the method cannot run on this machine and the command that mends it, or None. No heavy imports.
        image_bytes: ``"module:function"``, called as ``f(params, shape)`` with a ``DataShape``: the bytes of a stored
            image, where the method knows them before it works, so that a budget of bytes (``--match bytes``) is not
            tried with more images than fit. No heavy imports.
        disk: ``"module:function"``, called as ``f(params, shape)``: bytes that its stages leave in the cache, for
            ``ccbench plan`` where they are many; None where it is not known before. No heavy imports.
        prepare: whether the target also has ``prepare(task, part, parts)``: shares of the work that several workers
            do at once and leave in the store, where ``compress`` finds them.
        stores: what its file holds, for people.
        cost: what it costs beside its stages, for people.
        costly: whether it takes many hours at its defaults, on a small dataset too: ``--methods all`` leaves it out.
    """

    kind: ClassVar[str] = "method"
    carded: ClassVar[bool] = True
    budgets: str = "fraction"
    bits: tuple[int, ...] = GRID
    random: bool = True
    ready: str = ""
    identity: str = ""
    image_bytes: str = ""
    disk: str = ""
    prepare: bool = False
    stores: str = ""
    cost: str = ""
    costly: bool = False

    def check(self) -> None:
        """Raise UserError where the spec itself is malformed."""
        super().check()
        if self.budgets not in {"fraction", "bits", "any", "none"}:
            raise UserError(
                f"method {self.name}: budgets must be fraction, bits, any or none", found=repr(self.budgets)
            )


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A dataset; its target is a class with ``splits(source) -> {"train": ..., "test": ...}``.

    Attributes:
        shape: of the training split, where it is known without the data: with every parameter at its default,
            no ``--image-size``, and no file left out under ``--skip-bad``.
        resizable: whether ``--image-size S`` makes its images S x S.
        license: of the images, for people.
        packaged: folders of installed packages that hold the images, such as ``"sklearn/datasets/data"``; what is
            sealed does not see them.
        places: folders below ``--data-root``, in one of which the images lie, for whoever asks without opening them.
    """

    kind: ClassVar[str] = "dataset"
    carded: ClassVar[bool] = True
    shape: DataShape | None = None
    resizable: bool = False
    license: str = ""
    packaged: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ArchitectureSpec(Spec):
    """A network; its target is called as ``target(classes=int, image_size=int, **params) -> torch.nn.Module``.

    The network takes float images (B, 3, H, W), normalised, and gives logits (B, classes).
    """

    kind: ClassVar[str] = "architecture"


@dataclass(frozen=True, kw_only=True)
class ProtocolSpec(Spec):
    """An evaluation recipe: a TOML file, or a target that is called as ``target(**params)`` and gives its tables.

    Attributes:
        recipe: ``"package:path/inside.toml"`` instead of a target. ``base = "other"`` in the file names another one
            beside it, ``other.toml``, whose keys it changes.
        hard: the protocol that is this one with the images' own labels, where its labels are softer, or "".
        plain: the protocol that is this one without augmentation, or "". Leaderboards compare a row with those of the
            same set under these two; see :mod:`ccbench.leaderboard.robust`.
    """

    kind: ClassVar[str] = "protocol"
    carded: ClassVar[bool] = True
    target: str = ""
    recipe: str = ""
    hard: str = ""
    plain: str = ""

    def check_place(self) -> None:
        """Raise UserError unless there is a target or a recipe; a recipe takes no parameters."""
        if not self.recipe:
            super().check_place()
            return
        check_reference(self.recipe, f"protocol {self.name}: recipe")
        if self.target or self.params:
            found = f"target {self.target!r}" if self.target else f"parameter {self.params[0].name!r}"
            raise UserError(f"protocol {self.name}: a recipe has neither target nor parameters", found=found)

    @property
    def place(self) -> str:
        """What the offer is made from: its recipe or its target."""
        return self.recipe or self.target

    def load(self) -> Callable[..., dict[str, Any]]:
        """What gives the tables."""
        return self._tables if self.recipe else super().load()

    def _tables(self) -> dict[str, Any]:
        """The tables of the recipe.

        Raises:
            UserError: there is no such file.
            OSError: it cannot be read.
            ValueError: it is no TOML.
        """
        path = resource(self.recipe)
        if path is None:
            raise UserError(f"the recipe of protocol {self.name} is not there", found=self.recipe)
        return read_layers(path)


@dataclass(frozen=True, kw_only=True)
class ExecutorSpec(Spec):
    """Where work items run; its target is a class with the interface of :class:`ccbench.executors.Executor`.

    It is built as ``target(jobs=..., memory_limit=..., **params)``.

    Attributes:
        seals: whether it holds items to their :attr:`ccbench.executors.WorkItem.seal` (``--sealed``).
    """

    kind: ClassVar[str] = "executor"
    seals: bool = False


@dataclass(frozen=True, kw_only=True)
class StageSpec(NeedingSpec):
    """Shared work done once: ``target(context, **params) -> dict[str, numpy.ndarray]``.

    Attributes:
        seeded: whether the output depends on the run's base seed.
        whole: whether it works on the whole training split, whatever an earlier step of a pipeline kept.
        trains: ``"proxy"`` or ``"teacher"`` where it trains a network by that recipe of the protocol; its parameter
            of the same name, where it has one, names the architecture.

    Its result is addressed by its parameters, the offers and files that they name, the stages it needs and the recipe
    it trains by; see :mod:`ccbench.methods.identity`.
    """

    kind: ClassVar[str] = "stage"
    seeded: bool = True
    whole: bool = False
    trains: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoreSpec(Spec):
    """A training-dynamics score; its target, an accumulator class, is built as ``target(n, classes, **params)``.

    See :mod:`ccbench.stages.dynamics`.
    """

    kind: ClassVar[str] = "score"


@dataclass(frozen=True, kw_only=True)
class GroupSpec(Spec):
    """Methods that belong together: ``--methods all-NAME`` stands for each of them, costly ones too, at its defaults.

    Attributes:
        methods: their names, of this plugin or another.
    """

    kind: ClassVar[str] = "group"
    target: str = ""
    version: str = field(default="1")
    methods: tuple[str, ...] = ()

    def check_place(self) -> None:
        """Raise UserError unless it names methods and nothing else."""
        if self.target or self.params or self.aliases:
            raise UserError(f"group {self.name}: a group has methods, and no target, parameters or aliases")
        good = isinstance(self.methods, tuple) and all(isinstance(m, str) and NAME.fullmatch(m) for m in self.methods)
        if not self.methods or not good:
            raise UserError(
                f"group {self.name}: methods are names",
                found=repr(self.methods),
                mend='for example methods=("dcq", "ccs")',
            )


@dataclass(frozen=True, kw_only=True)
class SuiteSpec(Spec):
    """A table of a paper, or another set of rows that belong together, as data: ``ccbench run --suite NAME``.

    Attributes:
        table: ``"package:path/inside.toml"``: rows, columns, protocol and seeds; see :mod:`ccbench.suites.model`.
    """

    kind: ClassVar[str] = "suite"
    target: str = ""
    version: str = field(default="1")
    table: str = ""

    def check_place(self) -> None:
        """Raise UserError unless it names a table and nothing else."""
        check_reference(self.table, f"suite {self.name}: table")
        if self.target or self.params or self.aliases:
            raise UserError(f"suite {self.name}: a suite has a table, and no target, parameters or aliases")

    @property
    def place(self) -> str:
        """What the offer is made from: its table."""
        return self.table


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A subcommand; its target is a ``click.Command``."""

    kind: ClassVar[str] = "command"
    version: str = field(default="1")


def split(text: str) -> list[str]:
    """Split a list at the commas that stand outside brackets.

    Examples:
        >>> split("dcq[clusters=20,attention=none],ccs")
        ['dcq[clusters=20,attention=none]', 'ccs']
    """
    parts, depth = [""], 0
    for char in text:
        depth = max(0, depth + (char == "[") - (char == "]"))
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def content(path: Path) -> str:
    """The sha256 of a file, or of the names and contents of all files under a folder.

    Raises:
        UserError: it cannot be read.
    """
    try:
        if path.is_dir():
            return _hash({p.relative_to(path).as_posix(): content(p) for p in sorted(_files(path))})
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {path}", found=error.strerror or error) from None


def _files(folder: Path) -> Iterator[Path]:
    """Every file under a folder, links followed but not in a circle."""
    for place, folders, names in os.walk(folder, followlinks=True):
        above = {Path(place, *[".."] * i).resolve() for i in range(len(Path(place).relative_to(folder).parts) + 1)}
        folders[:] = [name for name in folders if Path(place, name).resolve() not in above]
        yield from (Path(place, name) for name in names)


def _hash(facts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:12]


OFFERS: tuple[type[Spec], ...] = (
    MethodSpec,
    DatasetSpec,
    ArchitectureSpec,
    ProtocolSpec,
    ExecutorSpec,
    StageSpec,
    ScoreSpec,
    GroupSpec,
    SuiteSpec,
    CommandSpec,
)
KINDS = tuple(cls.kind for cls in OFFERS)


def imported(reference: str) -> Any:
    """What ``"module:attribute"`` names; dots in the attribute go further down."""
    module, _, attribute = reference.partition(":")
    value = importlib.import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``", did you mean 'dcq'?"`` where something is near, otherwise an empty string."""
    import difflib

    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""

"""Offers with parameters, and method expressions: ``dcq``, ``dcq[clusters=20]``, ``ccs[fraction=0.1]+dcq[bits=2]``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar, overload

from ccbench.budget import Budget, DataShape
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.specs import BRACKETS, DatasetSpec, MethodSpec, Param, ProtocolSpec, Spec, imported, split
from ccbench.quantities import amount, plain

BUDGETS = ("ratio", "bits", "fraction", "ipc", "bytes")  # every method takes its own budget by these names
AUTO = "auto"
SWEEP = ("1", "0.75", "0.5", "0.35", "0.25")  # fractions that ``fraction=auto`` tries
SWEEP_VERSION = 1  # of the way in which it chooses
_CALL = re.compile(rf"\s*([^\[\]]+?)\s*(?:{BRACKETS})?\s*")
_STEP = re.compile(rf"\s*([^\[\]+,\s]+)\s*(?:{BRACKETS})?\s*")


S = TypeVar("S", bound=Spec, covariant=True)


@dataclass(frozen=True)
class Call(Generic[S]):
    """An offer with its parameters: ``quicknet[width=64]``.

    Attributes:
        name: as written, ``deepcore:Craig`` included.
        spec: what its plugin declares.
        params: every parameter, typed, in the spec's order.
    """

    name: str
    spec: S
    params: tuple[tuple[str, Any], ...]

    @property
    def label(self) -> str:
        """The canonical text: only what differs from the defaults, in the spec's order."""
        return self._labelled(())

    @property
    def version(self) -> str:
        """The spec's, and behind an ``@`` what the files that it reads hold; see ``Spec.edition``."""
        return self.spec.edition(dict(self.params))

    def _labelled(self, first: tuple[str, ...]) -> str:
        default = {p.name: p.default for p in self.spec.params}
        parts = [*first, *(f"{n}={written(v)}" for n, v in self.params if v != default[n])]
        return f"{self.name}[{','.join(parts)}]" if parts else self.name

    def build(self, *args: Any, **more: Any) -> Any:
        """Import the target and call it with every parameter by keyword, and with what else is given."""
        return self.spec.load()(*args, **more, **dict(self.params))


@dataclass(frozen=True)
class Step(Call[MethodSpec]):
    """One method of a pipeline.

    Attributes:
        budget: (unit, value) where the expression fixes it, such as ("bits", "2").
        named: the methods that its parameters name.
    """

    budget: tuple[str, str] | None
    named: tuple[Step, ...] = ()

    @property
    def every(self) -> Iterator[Step]:
        """Itself, and the methods that it works with."""
        yield self
        for step in self.named:
            yield from step.every

    @property
    def swept(self) -> bool:
        """Whether it says ``fraction=auto``."""
        return self.budget == ("fraction", AUTO)

    @property
    def given(self) -> dict[str, Any]:
        """What its target is built with: every parameter, and of a family what stands behind the colon."""
        family = {"argument": self.name.partition(":")[2]} if self.spec.name.endswith(":") else {}
        return {**dict(self.params), **family}

    def build(self, *args: Any, **more: Any) -> Any:
        """As of any call, with :attr:`given`."""
        return self.spec.load()(*args, **more, **self.given)

    @property
    def label(self) -> str:
        """The canonical text: its own budget, and what differs from the defaults in the spec's order."""
        return self._labelled(("=".join(self.budget),) if self.budget else ())

    @property
    def version(self) -> str:
        """As of any call; what the spec's ``identity`` says counts too. A method that is not ready has none yet."""
        own = super().version
        if not self.spec.identity:
            return own
        try:
            outside = imported(self.spec.identity)(self.given)
        except UserError:  # it is not ready, and ccbench.methods.ready says why
            outside = ""
        except Exception as error:
            raise UserError(f"its identity failed with {type(error).__name__}: {error}") from error
        if not isinstance(outside, str):
            raise UserError(f"its identity gave {type(outside).__name__} instead of text")
        return f"{own}@{hashlib.sha256(outside.encode()).hexdigest()[:12]}" if outside else own

    def fixed(self, shape: DataShape) -> Budget | None:
        """The budget that the expression fixes for this step, or None; of ``fraction=auto`` the largest."""
        if self.budget is None:
            return None
        if self.swept:
            return Budget.from_fraction(1)
        unit, value = self.budget
        build = getattr(Budget, f"from_{unit}")
        return build(value, shape) if unit in {"ipc", "bytes"} else build(value)


@dataclass(frozen=True)
class Expression:
    """A method or a pipeline of methods, left to right."""

    steps: tuple[Step, ...]

    @property
    def label(self) -> str:
        """The canonical text; two expressions that mean the same have the same label."""
        return "+".join(step.label for step in self.steps)

    @property
    def version(self) -> str:
        """The versions of its steps, joined by ``+``."""
        return "+".join(step.version for step in self.steps)

    @property
    def every(self) -> tuple[Step, ...]:
        """Its steps, each followed by the methods that it works with."""
        return tuple(one for step in self.steps for one in step.every)

    @property
    def random(self) -> bool:
        """Whether another seed gives another result."""
        return any(step.spec.random for step in self.every)

    @property
    def needs(self) -> tuple[str, ...]:
        """Stages that any step asks for."""
        return tuple(dict.fromkeys(n for step in self.every for n in step.spec.stages(dict(step.params))))

    @property
    def candidates(self) -> dict[str, Expression]:
        """By fraction, what ``fraction=auto`` chooses from; empty where no step says that.

        A selection that keeps everything is left out.
        """
        if not any(step.swept for step in self.steps):
            return {}
        return {fraction: self._at(fraction) for fraction in SWEEP}

    def _at(self, fraction: str) -> Expression:
        steps = [replace(s, budget=("fraction", fraction)) if s.swept else s for s in self.steps]
        return Expression(tuple(s for s in steps if s.budget != ("fraction", "1")))

    @property
    def reference(self) -> bool:
        """Whether it keeps everything, whatever the budget."""
        return all(step.spec.budgets == "none" for step in self.steps)

    def budget(self, asked: Budget, shape: DataShape) -> Budget:
        """The budget of the whole: its own where every step fixes one, otherwise the one asked for."""
        if self.reference:
            return Budget.from_fraction(1)
        shares = self.shares(shape)
        return asked if None in shares else self.fixed_share(shape)

    def shares(self, shape: DataShape) -> list[Budget | None]:
        """What each step keeps of what the steps before it kept, or None where the expression leaves that open.

        ``ipc`` and ``bytes`` are amounts, not shares: in a later step they count against the whole
        training set, so that ``random[fraction=0.5]+ccs[ipc=10]`` ends with ten images per class.

        Raises:
            UserError: an amount follows a step whose budget is open, or is more than is left.
        """
        before = Budget.from_fraction(1)
        shares: list[Budget | None] = []
        for step in self.steps:
            own = step.fixed(shape)
            if own is not None and shares and step.budget and step.budget[0] in {"ipc", "bytes"}:
                amount = "=".join(step.budget)
                if None in shares:
                    raise UserError(
                        f"{self.label}: {amount} leaves open how much the step before {step.name} keeps",
                        mend=f"give {step.name} a fraction, bits or a ratio, or the step before it a budget",
                    )
                if own.kept > before.kept:
                    raise UserError(
                        f"{self.label}: {amount} is more than the steps before {step.name} keep",
                        found=f"{float(own.kept):.4g} of the training set against {float(before.kept):.4g}",
                    )
                own = own / before
            shares.append(own)
            before = before * own if own is not None else before
        return shares

    def fixed_share(self, shape: DataShape) -> Budget:
        """What the steps with budgets of their own keep together; everything where there is none."""
        total = Budget.from_fraction(1)
        for share in self.shares(shape):
            total = total if share is None else total * share
        return total

    def budgets(self, total: Budget, shape: DataShape) -> list[Budget]:
        """One budget per step; a step without its own gets what the fixed ones leave.

        Raises:
            UserError: more than one step leaves its budget open.
        """
        shares = self.shares(shape)
        if shares.count(None) > 1:
            raise UserError(
                f"{self.label}: at most one step of a pipeline may leave its budget open",
                mend="for example ccs[fraction=0.1]+dcq",
            )
        rest = total
        for share in shares:
            if share is not None:
                rest = rest / share
        return [rest if share is None else share for share in shares]


def parse(text: str, plugins: Plugins) -> Expression:
    """Read a method expression.

    Raises:
        UserError: it cannot be read, or names an unknown method or parameter.

    Examples:
        >>> expression = parse("ccs[fraction=0.10, score=aum]+dcq", Plugins())
        >>> expression.label  # what differs from the defaults
        'ccs[fraction=0.1]+dcq'
        >>> shape = DataShape(images=1000, height=32, width=32, classes=10)
        >>> # images that each step keeps of what it is given
        >>> [step.images(shape) for step in expression.budgets(Budget.from_fraction("0.05"), shape)]
        [100, 500]
    """
    steps, position = [], 0
    while True:
        match = _STEP.match(text, position)
        if not match:
            raise UserError(
                "a method expression reads name[param=value,...]+name[...]",
                found=repr(text),
                mend="for example 'ccs[fraction=0.1]+dcq[bits=2]'",
            )
        steps.append(_step(match.group(1), match.group(2) or "", plugins))
        position = match.end()
        if position == len(text):
            break
        if text[position] != "+":
            raise UserError(f"cannot read {text[position:]!r} in a method expression", found=repr(text))
        position += 1
    if len(steps) > 1 and any(s.spec.budgets == "none" for s in steps):
        raise UserError("a reference method keeps everything and has no place in a pipeline", found=repr(text))
    _check_sweep(steps, text)
    return Expression(tuple(steps))


def _check_sweep(steps: list[Step], text: str) -> None:
    """``fraction=auto`` weighs the number of images against the quality that a later step leaves open."""
    swept = [i for i, step in enumerate(steps) if step.swept]
    if not swept:
        return
    selects = steps[swept[0]].spec.budgets == "fraction"
    later = any(s.budget is None and s.spec.budgets in {"any", "bits"} for s in steps[swept[0] + 1 :])
    if len(swept) > 1 or not selects or not later:
        raise UserError(
            "fraction=auto is for one selection, before a step that makes images cheaper and leaves its budget open",
            found=repr(text),
            mend="for example ccs[fraction=auto]+avif",
        )


def without_coding(text: str) -> tuple[str, bool]:
    """A method expression without ``+coded`` at its end, and whether that was there.

    Coding is no step: it changes no image, only how many bytes the file has.

    Examples:
        >>> without_coding("ccs[fraction=0.1]+dcq + coded"), without_coding("dcq")
        (('ccs[fraction=0.1]+dcq', True), ('dcq', False))
    """
    before, plus, last = text.rpartition("+")
    return (before.strip(), True) if plus and last.strip() == "coded" else (text, False)


@overload
def read_call(kind: Literal["dataset"], text: str, plugins: Plugins) -> Call[DatasetSpec]: ...
@overload
def read_call(kind: Literal["method"], text: str, plugins: Plugins) -> Step: ...
@overload
def read_call(kind: Literal["protocol"], text: str, plugins: Plugins) -> Call[ProtocolSpec]: ...
@overload
def read_call(kind: str, text: str, plugins: Plugins) -> Call[Spec]: ...
def read_call(kind: str, text: str, plugins: Plugins) -> Call[Spec]:
    """Read ``name`` or ``name[param=value,...]`` of any kind of offer; a method is one step of a pipeline.

    A name with a colon (``folder:PATH``) is taken as it stands, brackets included.

    Raises:
        UserError: it cannot be read, or names an unknown offer or parameter.
    """
    match = None if ":" in text else _CALL.fullmatch(text)
    name, arguments = (match[1], match[2] or "") if match else (text, "")
    if kind == "method":
        return _step(name, arguments, plugins)
    spec = plugins.get(kind, name)
    given = _given(kind, name, arguments, plugins)
    name = name if spec.name.endswith(":") else spec.name  # a family answers to more than its own name, a file has one
    return Call(name, spec, read_params(spec, given, plugins))


def base_name(text: str) -> str:
    """The name in ``name[param=value,...]``, whether there is such an offer or not."""
    return text.partition("[")[0].strip()


def edition(call: Call, plugins: Plugins) -> str:
    """The version of a call, and behind an ``@`` those of the offers that its parameters name, and theirs in turn."""
    named = named_offers(call.spec, dict(call.params), plugins)
    if not named:
        return call.version
    facts = json.dumps({name: [other.label, edition(other, plugins)] for name, other in named.items()}, sort_keys=True)
    return f"{call.version}@{hashlib.sha256(facts.encode()).hexdigest()[:12]}"


def named_offers(spec: Spec, params: Mapping[str, Any], plugins: Plugins) -> dict[str, Call]:
    """The offers that parameters name, such as a score."""
    named = [p for p in spec.params if _names_an_offer(p, params[p.name])]
    return {p.name: read_call(str(p.choices), params[p.name], plugins) for p in named}


def read_params(spec: Spec, given: Mapping[str, Any], plugins: Plugins) -> tuple[tuple[str, Any], ...]:
    """Every parameter of a spec with its typed value, in the spec's order; offers that they name are looked up.

    Raises:
        UserError: an unknown parameter or offer, or a value that a parameter does not take.
    """
    values = spec.read_params(given)
    for param in spec.params:
        if _names_an_offer(param, values[param.name]):
            call = read_call(str(param.choices), values[param.name], plugins)
            if isinstance(call, Step) and (call.spec.budgets != "fraction" or call.swept):
                raise UserError(
                    f"{spec.name}: parameter {param.name} names a method that selects training images",
                    found=values[param.name],
                    mend=" or ".join((*param.words, "such as ccs, or ccs[ipc=50] with a budget of its own")),
                )
            values[param.name] = call.label
    return tuple(values.items())


def _names_an_offer(param: Param, value: Any) -> bool:
    return isinstance(param.choices, str) and value is not None and value not in param.words


def _step(name: str, arguments: str, plugins: Plugins) -> Step:
    spec = plugins.get("method", name)
    own = {p.name for p in spec.params}
    given: dict[str, Any] = {}
    budget = None
    for key, value in _given("method", name, arguments, plugins).items():
        if key in BUDGETS and key not in own:
            if spec.budgets == "none":
                raise UserError(f"{name} keeps everything and takes no {key}", found=f"{key}={value}")
            if budget:
                raise UserError(f"{name}: give one budget, not both {budget[0]} and {key}", found=arguments)
            budget = (key, _number(key, value))
        else:
            given[key] = value
    params = read_params(spec, given, plugins)
    named = tuple(c for c in named_offers(spec, dict(params), plugins).values() if isinstance(c, Step))
    return Step(spec.name if plugins.alias("method", name) else name, spec, params, budget, named)


def _given(kind: str, name: str, arguments: str, plugins: Plugins) -> dict[str, Any]:
    """What stands in the brackets, and what the name sets where it is an alias."""
    given, alias = _arguments(name, arguments), plugins.alias(kind, name)
    if alias is None:
        return dict(given)
    fixed, own = dict(alias.params), plugins.get(kind, name).name
    twice = next((key for key in given if key in fixed and given[key] != written(fixed[key])), None)
    if twice is not None:
        raise UserError(
            f"{name} is {own} with {twice}={written(fixed[twice])} and takes no other {twice}",
            found=f"{twice}={given[twice]}",
            mend=f"{own}[{twice}={given[twice]}]",
        )
    return {**fixed, **given}


def _arguments(name: str, arguments: str) -> dict[str, str]:
    """What stands in the brackets, each name once."""
    found: dict[str, str] = {}
    for part in split(arguments):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not equals or not key or not value:
            raise UserError(f"{name}: a parameter reads name=value", found=repr(part), mend=f"ccbench describe {name}")
        if key in found:
            raise UserError(f"{name}: parameter {key!r} is given twice", found=arguments)
        found[key] = value
    return found


def written(value: Any) -> str:
    """The shortest text that reads back as the same value."""
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(unit: str, text: str) -> str:
    """One text for one number: ``0.10`` and ``.1`` are ``0.1``; what is no number stays for whoever reads it."""
    try:
        return plain(amount(unit, text))
    except UserError:
        return text

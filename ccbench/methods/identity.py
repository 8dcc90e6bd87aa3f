"""What a result depends on, derived from declarations, in this one place.

A stage's result, an artifact and a cell are each addressed by a hash over what is written here. Nothing is
addressed by a name alone: an offer counts with its version and the content of the files that it reads, a stage with
everything that the stages it needs depend on, a network with the recipe that trains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccbench.errors import UserError
from ccbench.methods.teacher_source import TeacherSource
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import (
    SWEEP,
    SWEEP_VERSION,
    Expression,
    Step,
    edition,
    named_offers,
    read_call,
    read_params,
)
from ccbench.offers.specs import MethodSpec, NeedingSpec, Spec, StageSpec
from ccbench.store import Store
from ccbench.training.protocols import Protocol
from ccbench.training.recipe import Recipe

Facts = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What the stages of a run have in common: where names are looked up, and how networks are trained for them.

    Attributes:
        proxy: the recipe of the network that scores, features and attention come from.
        teacher: the recipe of the teacher.
        given: the user's teacher instead of the protocol's own.
        threads: of one training; where torch adds up in another order with another number, so do results.
    """

    plugins: Plugins
    proxy: Recipe
    teacher: Recipe
    given: TeacherSource = field(default_factory=TeacherSource)
    threads: int = 1

    @classmethod
    def of(cls, protocol: Protocol, plugins: Plugins, given: TeacherSource, threads: int = 1) -> Setting:
        """The setting of a protocol."""
        return cls(plugins, protocol.proxy, protocol.teacher, given, threads)

    def recipe(self, role: str, architecture: str | None = None) -> Recipe:
        """How the ``"proxy"`` or the ``"teacher"`` is trained: the network asked for, the user's, or the recipe's."""
        if role == "proxy":
            return self.proxy.using(architecture)
        return self.teacher.using(architecture or self.given.architecture)


def network(architecture: str, plugins: Plugins) -> Facts:
    """What an untrained network depends on: its canonical name and its version."""
    call = read_call("architecture", architecture, plugins)
    return {"architecture": call.label, "version": edition(call, plugins)}


def trained(setting: Setting, role: str, architecture: str | None = None) -> Facts:
    """What the ``"proxy"`` or the ``"teacher"`` depends on beside the data and the seed."""
    recipe = setting.recipe(role, architecture)
    untrained = network(recipe.architecture, setting.plugins)
    if role == "teacher" and setting.given.digest:
        return {"network": untrained, "file": setting.given.digest, "normalise": recipe.normalise}
    axes = recipe.using(untrained["architecture"]).axes()
    return {"network": untrained, "recipe": axes, "threads": setting.threads}


def depends(setting: Setting, spec: StageSpec, params: Mapping[str, Any], *, within: tuple[str, ...] = ()) -> Facts:
    """What a stage depends on beside the images, the seed and its plain parameters.

    Args:
        params: every parameter, typed.
        within: the stages whose needs lead here.

    Raises:
        UserError: a stage needs itself, or one that nobody offers.
    """
    if spec.name in within:
        raise UserError(f"stage {spec.name} needs itself", found=" needs ".join((*within, spec.name)))
    facts: Facts = {
        "stage": spec.name,
        "version": spec.edition(params),
        "offers": offers(spec, params, setting.plugins),
        "needs": needs(setting, spec, params, within=(*within, spec.name)),
    }
    return facts | ({"trains": trained(setting, spec.trains, params.get(spec.trains))} if spec.trains else {})


def needs(
    setting: Setting, spec: NeedingSpec, params: Mapping[str, Any], *, within: tuple[str, ...] = ()
) -> list[Facts]:
    """What every stage depends on that a method or a stage declares, the parameters they share handed on."""
    facts = []
    for need in spec.asks(params):
        try:
            other = setting.plugins.get("stage", need.stage)
            told = networks_of(other, setting.plugins)
            told |= {p.name for p in other.params if isinstance(p.choices, str) or p.type is Path}
            shared = {name: params[name] for name in told if name in params}
            values = dict(read_params(other, {**shared, **need.told(params)}, setting.plugins))
        except UserError as error:
            what = f"{spec.kind} {spec.name} needs {need}: {error.what}"
            raise UserError(what, found=error.found, mend=error.mend) from None
        facts.append(depends(setting, other, values, within=within))
    return facts


def stage(setting: Setting, spec: StageSpec, params: Mapping[str, Any]) -> Facts:
    """Everything that can change a stage's result beside the images and the seed."""
    told = networks_of(spec, setting.plugins)  # by what they stand for, so that the default and its name are the same
    plain = {name: value for name, value in params.items() if name not in told}
    return {**depends(setting, spec, params), "params": plain}


def networks_of(spec: NeedingSpec, plugins: Plugins, *, within: tuple[str, ...] = ()) -> set[str]:
    """The parameters that name a network which this stage, or a stage that it hands them on to, trains."""
    names = {spec.trains} if isinstance(spec, StageSpec) else set()
    for need in spec.asks():
        if need.stage not in within:  # a circle is an error of depends
            other = plugins.get("stage", need.stage)
            names |= networks_of(other, plugins, within=(*within, need.stage)) - set(dict(need.params))
    return names & {p.name for p in spec.params}


def roles(spec: NeedingSpec, plugins: Plugins) -> set[str]:
    """Whose recipes (``"proxy"``, ``"teacher"``) count in what a stage or a stage that it needs gives."""
    own = {spec.trains} - {""} if isinstance(spec, StageSpec) else set()
    return own.union(*(roles(plugins.get("stage", need.stage), plugins) for need in spec.asks()))


def offers(spec: Spec, params: Mapping[str, Any], plugins: Plugins) -> Facts:
    """The offers that parameters name, such as a score, with their versions."""
    told = networks_of(spec, plugins) if isinstance(spec, NeedingSpec) else set()  # they count as what is trained
    calls = {n: call for n, call in named_offers(spec, params, plugins).items() if n not in told}
    return {name: [call.label, edition(call, plugins)] for name, call in calls.items()}


def method(setting: Setting, expression: Expression) -> list[Facts]:
    """What each step of an expression depends on beside the images, the budget and the seed."""
    return [
        {
            "method": step.label,
            "version": step.version,
            **beside(setting, step.spec, dict(step.params)),
            **({"sweep": [SWEEP, SWEEP_VERSION, trained(setting, "proxy")]} if step.swept else {}),
        }
        for step in expression.steps
    ]


def beside(setting: Setting, spec: MethodSpec, params: Mapping[str, Any]) -> Facts:
    """What a method depends on beside its version and plain parameters: offers, stages, methods that it names."""
    named = [call for call in named_offers(spec, params, setting.plugins).values() if isinstance(call, Step)]
    return {
        "offers": offers(spec, params, setting.plugins),
        "needs": needs(setting, spec, params),
        **({"methods": method(setting, Expression(tuple(named)))} if named else {}),
    }


def digest(**facts: Any) -> str:
    """Twelve hexadecimal digits over facts."""
    return Store.key(**facts)[:12]


def allowed(setting: Setting, asker: NeedingSpec, mine: Mapping[str, Any], spec: StageSpec, facts: Facts) -> None:
    """Refuse a stage that a method or stage asks for without having declared it.

    Args:
        asker: whose ``needs`` must name it.
        mine: the asker's parameters.
        spec: of the stage.
        facts: what it :func:`depends` on as it is asked for.

    Raises:
        UserError: it is not declared, or with another network, offer or file.
    """
    if facts in needs(setting, asker, mine):
        return
    raise UserError(
        f"{asker.kind} {asker.name} asks for stage {spec.name!r} in a way that it does not declare",
        found=f"it needs {', '.join(map(str, asker.asks())) or 'no stage'}",
        mend=f'add "{spec.name}" to needs of its spec; parameters that it sets itself are said there: '
        f'Need("{spec.name}", name=value)',
    )

"""What a parameter is by default stands in the spec and nowhere else."""

import inspect

import pytest

from ccbench.offers.discovery import Plugins

FOUND = Plugins()
GIVEN = {  # beside the parameters of the spec
    "architecture": {"classes", "image_size"},
    "executor": {"jobs", "memory_limit", "threads"},
    "score": {"n", "classes"},
    "stage": {"context"},
}
OFFERS = [
    pytest.param(spec, id=f"{kind}-{spec.name}")
    for kind in ("method", "dataset", "architecture", "protocol", "executor", "stage", "score")
    for spec in FOUND.all(kind).values()
    if spec.target and FOUND.owner(kind, spec.name).distribution == "ccbench"
]


@pytest.mark.parametrize("spec", OFFERS)
def test_a_target_takes_what_its_spec_declares_and_has_no_default_for_it(spec):
    arguments = inspect.signature(spec.load()).parameters
    declared = {param.name for param in spec.params}
    assert {
        name for name in declared & set(arguments) if arguments[name].default is not inspect.Parameter.empty
    } == set()
    rest = any(argument.kind is inspect.Parameter.VAR_KEYWORD for argument in arguments.values())
    named = {n for n, a in arguments.items() if a.kind not in {inspect.Parameter.VAR_KEYWORD}}
    family = {"argument"} if spec.kind == "method" and spec.name.endswith(":") else set()
    assert named - declared == GIVEN.get(spec.kind, set()) | family
    assert rest or declared <= named


def test_many_offers_are_looked_at():
    assert len({p.values[0].kind for p in OFFERS}) == 6
    assert len(OFFERS) > 40

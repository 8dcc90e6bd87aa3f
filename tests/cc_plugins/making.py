"""What tests of methods have in common: a compression of the kit's images, and a method with another parameter."""

from ccbench.budget import Budget
from ccbench.methods.compress import compress
from ccbench.offers.expressions import parse


def make(lab, text, ipc=1, seed=0, **changes):
    """What an expression makes of a lab's images; ``changes`` are of the workbench."""
    bench = lab.bench()
    vars(bench).update(changes)
    return compress(parse(text, lab.plugins), Budget.from_ipc(ipc, bench.root.shape), bench, seed=seed)


def more(text, extra):
    """``dm[steps=3]`` with another parameter."""
    return text[:-1] + f",{extra}]"

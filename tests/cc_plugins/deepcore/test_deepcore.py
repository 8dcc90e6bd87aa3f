"""The adapter, on a small checkout shaped as DeepCore's, and on a real one where CCBENCH_DEEPCORE names it."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cc_plugins.deepcore.checkout import content, ready
from ccbench.budget import Budget
from ccbench.errors import UserError
from ccbench.methods.compress import compress
from ccbench.methods.ready import unready
from ccbench.offers.expressions import parse
from ccbench.testing.lab import Lab

REAL = os.environ.get("CCBENCH_DEEPCORE", "")
FILES = {
    "__init__.py": "",
    "nets/__init__.py": "from . import nets_utils\n",
    "nets/nets_utils/__init__.py": """
from torch import nn

class EmbeddingRecorder(nn.Module):
    def __init__(self, record_embedding=False):
        super().__init__()
        self.record_embedding = record_embedding

    def forward(self, x):
        if self.record_embedding:
            self.embedding = x
        return x

    def __enter__(self):
        self.record_embedding = True

    def __exit__(self, *exc):
        self.record_embedding = False
""",
    "methods/__init__.py": "from .coresetmethod import *\nfrom .few import *\n",
    "methods/coresetmethod.py": """
class CoresetMethod:
    def __init__(self, dst_train, args, fraction=0.5, random_seed=None, **kwargs):
        self.dst_train, self.args, self.fraction, self.seed = dst_train, args, fraction, random_seed
        self.size = round(len(dst_train) * fraction)
""",
    "methods/few.py": """
import numpy as np
import torch
from .coresetmethod import CoresetMethod
from .. import nets


class Last(CoresetMethod):
    def select(self):
        print("a line that nobody wants")
        np.random.seed(self.seed)
        torch.manual_seed(self.seed)
        n = len(self.dst_train)
        assert np.in1d([1], [1]).all()
        assert torch.lstsq(torch.ones(2, 1), torch.eye(2))[0].shape == (2, 1)
        return {"indices": np.arange(n)[::-1][: self.size + 3]}  # three too many


class Weighted(CoresetMethod):
    def select(self):
        ids = np.arange(self.size)[::-1]
        return {"indices": ids, "weights": ids + 1.0}


class Embedded(CoresetMethod):
    def select(self):
        model = nets.__dict__[self.args.model](3, self.args.num_classes, self.args.im_size)
        model.no_grad = True
        with model.embedding_recorder:
            logits = model(torch.stack([self.dst_train[i][0] for i in range(4)]))
        layer = model.get_last_layer()
        assert model.embedding_recorder.embedding.shape == (4, layer.in_features)
        assert torch.allclose(layer(model.embedding_recorder.embedding), logits)
        assert not logits.requires_grad
        assert self.dst_train.targets.dtype == torch.long
        return {"indices": list(range(self.size))}


class Twice(CoresetMethod):
    def select(self):
        return {"indices": [0, 0]}
""",
}


@pytest.fixture
def home(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "checkout" / "deepcore" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "checkout"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab("random", folder=tmp_path_factory.mktemp("lab"))


def run(lab, home, name, ipc=2):
    expression = parse(f"deepcore:{name}[home={home}]", lab.plugins)
    return compress(expression, Budget.from_ipc(ipc, lab.splits.train.shape), lab.bench())


def test_the_answer_is_kept_within_the_budget(lab, home):
    n, kept = len(lab.splits.train.labels), 2 * len(lab.splits.train.classes)
    assert run(lab, home, "Last").ids.tolist() == list(range(n - kept, n))


def test_weights_stay_with_their_images(lab, home):
    made = run(lab, home, "Weighted")
    assert made.weights.tolist() == [i + 1.0 for i in made.ids]


@pytest.mark.parametrize("epochs", [0, 1])
def test_our_network_is_as_deepcore_expects(lab, home, epochs):
    expression = parse(f"deepcore:Embedded[home={home},epochs={epochs}]", lab.plugins)
    assert expression.needs == (() if epochs else ("proxy",))
    made = compress(expression, Budget.from_ipc(2, lab.splits.train.shape), lab.bench())
    assert len(made) == 2 * len(lab.splits.train.classes)


def test_nothing_is_left_behind(lab, home, capsys):
    before = np.random.get_state()[1].copy(), torch.get_rng_state(), list(sys.path), hasattr(np, "in1d")
    run(lab, home, "Last")
    after = np.random.get_state()[1], torch.get_rng_state(), list(sys.path), hasattr(np, "in1d")
    assert np.array_equal(before[0], after[0])
    assert torch.equal(before[1], after[1])
    assert before[2:] == after[2:]
    assert not [name for name in sys.modules if name.split(".")[0] == "deepcore"]
    assert capsys.readouterr().out == ""


def test_no_selection_is_refused(lab, home):
    with pytest.raises(UserError, match="gave no selection of these images"):
        run(lab, home, "Twice")


def test_what_is_missing_is_said_before_any_work(lab, home, tmp_path, monkeypatch):
    monkeypatch.delenv("CCBENCH_DEEPCORE", raising=False)
    assert "git clone" in unready(parse("deepcore:Last", lab.plugins), "cpu")
    assert "is no DeepCore checkout" in unready(parse(f"deepcore:Last[home={tmp_path}]", lab.plugins), "cpu")
    unknown = unready(parse(f"deepcore:Lost[home={home}]", lab.plugins), "cpu")
    assert "no class 'Lost'" in unknown
    assert "Embedded, Last, Twice, Weighted" in unknown
    monkeypatch.setenv("CCBENCH_DEEPCORE", str(home))
    assert not unready(parse("deepcore:Last", lab.plugins), "cpu")
    few = home / "deepcore" / "methods" / "few.py"
    few.write_text(few.read_text() + "\n\nclass Cal(Last): pass\n")
    assert "ImageNet" in ready({"home": "", "argument": "Cal"})


def test_a_checkout_that_cannot_be_imported(lab, home):
    (home / "deepcore" / "methods" / "few.py").write_text("import nothing_like_it\nclass Last: pass\n")
    with pytest.raises(UserError, match="cannot be imported"):
        run(lab, home, "Last")


def test_the_checkouts_code_is_part_of_the_version(lab, home):
    text = f"deepcore:Last[home={home}]"
    before = parse(text, lab.plugins).version
    assert parse(text, lab.plugins).version == before
    file = home / "deepcore" / "methods" / "few.py"
    file.write_text(file.read_text() + "\n# changed\n")
    assert parse(text, lab.plugins).version != before
    assert len(content({"home": str(home)})) == 64


def test_a_family_is_no_method_of_all(lab):
    from ccbench.runner.plan import every_method

    assert "deepcore:" not in every_method(("all",), lab.plugins)


@pytest.mark.skipif(not REAL, reason="CCBENCH_DEEPCORE names no checkout")
@pytest.mark.parametrize("name", ["Herding", "kCenterGreedy", "Craig", "GradMatch", "Glister", "Submodular", "Uniform"])
def test_a_real_checkout(lab, name):
    expression = parse(f"deepcore:{name}[epochs=1,home={Path(REAL)}]", lab.plugins)
    made = compress(expression, Budget.from_ipc(2, lab.splits.train.shape), lab.bench())
    assert len(made) <= 2 * len(lab.splits.train.classes)

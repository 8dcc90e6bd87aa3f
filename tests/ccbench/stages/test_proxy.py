"""The proxy run: once, for every score, with failures kept apart and later scores replayed."""

import shutil

import numpy as np
import pytest
import torch
from broken_scores import Seen
from stage_bench import Bench, plugins_with, quarters

from ccbench import ScoreSpec
from ccbench.errors import UserError
from ccbench.methods.task import StageContext, Workbench
from ccbench.offers.expressions import read_call
from ccbench.stages import dynamics
from ccbench.stages.proxy import facts_of, load_network, normalisation
from ccbench.store import Store
from ccbench.training import DeviceData, Recipe


def spec(name, version="1", target=None):
    return ScoreSpec(name=name.lower(), target=f"broken_scores:{target or name}", version=version, summary="")


def context(bench, dataset=None):
    made = Workbench(bench.root, bench.store, bench.plugins, bench.recipe, 0)
    return StageContext(made, dataset or bench.root, bench.plugins.get("stage", "features"), {}, bench.store.root)


def test_the_network_is_the_one_that_was_trained(bench):
    entry = bench.stage("proxy")
    network = load_network(context(bench))
    assert not network.training
    data = DeviceData.from_dataset(bench.root)
    with torch.no_grad():
        logits = network(normalisation(context(bench))(data.decode(torch.arange(len(data)))))
    right = (logits.argmax(1) == data.labels).float().mean().item()
    assert right == pytest.approx(float(entry["accuracy"]))
    assert right > 0.95
    np.testing.assert_allclose(np.array(entry["log-plain"]), logits, rtol=2e-3, atol=2e-3)


def test_the_five_scores_come_from_one_run(bench):
    entry = bench.stage("proxy")
    for name in ("aum", "forgetting", "el2n", "entropy"):
        assert entry[f"score-{name}"].shape == (96,)
        assert np.isfinite(entry[f"score-{name}"]).all()
        np.testing.assert_array_equal(bench.stage("score", score=name)["score"], entry[f"score-{name}"])
    assert len(list((bench.store.root / "proxy").glob("[0-9a-f]*"))) == 1
    assert facts_of(entry)["epochs"] == 12  # 12.5 epochs: the last, partial one is shown to nobody


def test_scores_do_not_care_which_images_a_pipeline_has_left(bench):
    whole = bench.stage("score")
    part = bench.stage("score", dataset=bench.root.subset(np.arange(10)))
    assert whole.path == part.path


def test_replay_equals_the_live_scores(bench):
    entry = bench.stage("proxy")
    specs = bench.plugins.all("score")
    scores = dynamics.Scores([read_call("score", name, bench.plugins) for name in specs], 96, 4)
    dynamics.replay(entry, bench.root.labels, scores, batch=7)
    replayed = scores.results()
    assert not scores.failed
    assert set(replayed) == set(specs)
    for name, values in replayed.items():
        live = entry[f"score-{name}"]
        np.testing.assert_allclose(values, live, rtol=1e-5, atol=1e-5, err_msg=name)  # other batches, same logits


def test_a_score_registered_later_trains_nothing(bench):
    before = bench.stage("proxy")
    later = Bench(bench.store, plugins_with(spec("Seen")), bench.root)
    seen = later.stage("score", score="seen")["score"]
    assert later.stage("proxy").path == before.path
    np.testing.assert_array_equal(seen, np.full(96, 112))  # 12 epochs and the plain pass


def test_a_new_version_is_computed_again(bench, monkeypatch):
    short = Bench(
        bench.store, plugins_with(spec("Seen")), bench.root, Recipe(architecture="quicknet", batch=32, lr=0.1, epochs=2)
    )
    np.testing.assert_array_equal(short.stage("score", score="seen")["score"], np.full(96, 102))
    assert "score-seen" in short.stage("proxy")
    monkeypatch.setattr(Seen, "result", lambda self: self.count.numpy() * 2)
    newer = Bench(bench.store, plugins_with(spec("Seen", version="2")), bench.root, short.recipe)
    from ccbench.stages import score

    made = Workbench(newer.root, newer.store, newer.plugins, newer.recipe, 0)
    found = score.run(
        StageContext(made, newer.root, newer.plugins.get("stage", "score"), {}, newer.store.root),
        score="seen",
        proxy=None,
    )
    np.testing.assert_array_equal(found["score"], np.full(96, 204))


def test_failing_scores_do_not_stop_the_others(tmp_path):
    recipe = Recipe(architecture="quicknet", batch=48, lr=0.1, epochs=4)

    names = ("Seen", "RaisesAtOnce", "RaisesLater", "WrongShape")
    made = Bench(Store(tmp_path), plugins_with(*map(spec, names)), quarters(), recipe)
    entry = made.stage("proxy")
    assert {"score-seen", "score-aum"} <= set(entry)
    assert "score-raiseslater" not in entry
    errors = {name: fact["error"] for name, fact in facts_of(entry)["scores"].items() if fact["error"]}
    assert set(errors) == {"raisesatonce", "raiseslater", "wrongshape"}
    for name, text in (
        ("raisesatonce", "no memory for that"),
        ("raiseslater", "in the third epoch"),
        ("wrongshape", r"gave shape \(3,\), expected \(96,\)"),
    ):
        with pytest.raises(UserError, match=text):
            made.stage("score", score=name)


def test_without_a_log_a_new_score_says_so(tmp_path, monkeypatch):

    monkeypatch.setattr(dynamics, "LOG_BYTES", 100)
    recipe = Recipe(architecture="quicknet", batch=48, lr=0.1, epochs=1)
    made = Bench(Store(tmp_path), plugins_with(), quarters(), recipe)
    entry = made.stage("proxy")
    assert "log-logits" not in entry
    later = Bench(made.store, plugins_with(spec("Seen")), made.root, recipe)
    with pytest.raises(UserError, match="too large to keep"):
        later.stage("score", score="seen")
    with pytest.raises(UserError, match="did you mean 'aum'"):
        later.stage("score", score="aun")


def test_the_seed_is_the_runs_and_not_the_methods(bench):
    again = Bench(bench.store, bench.plugins, bench.root)
    assert again.stage("proxy", dataset=bench.root.subset(np.arange(9))).path == bench.stage("proxy").path
    from ccbench.stages.networks import fresh

    other = StageContext(
        Workbench(bench.root, bench.store, bench.plugins, bench.recipe, 1),
        bench.root,
        bench.plugins.get("stage", "proxy"),
        {},
        bench.store.root,
    )
    assert other.seed("weights") != context(bench).seed("weights")
    assert fresh(other.bench, "quicknet", other.seed("weights")).classifier.weight.shape == (4, 96)


def test_damaged_weights_name_the_command_that_clears_them(bench, tmp_path):
    made = Workbench(bench.root, Store(tmp_path), bench.plugins, bench.recipe, 0)
    there = StageContext(made, bench.root, bench.plugins.get("stage", "features"), {}, tmp_path)
    shutil.copytree(bench.stage("proxy").path, tmp_path / "proxy" / bench.stage("proxy").path.name)
    weights = tmp_path / "proxy" / bench.stage("proxy").path.name / "weights.safetensors"
    load_network(there)
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(UserError, match=r"damaged(.|\n)*ccbench cache clear --kind proxy --yes"):
        load_network(there)


def test_a_large_logit_stays_finite_in_the_log():
    assert np.isfinite(dynamics._half(torch.tensor([1e9, -1e9]))).all()

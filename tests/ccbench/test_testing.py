"""The conformance kit finds each breach, and passes what breaks none."""

import json
import os
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ccbench import testing
from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.testing.lab import Lab, levels
from ccbench.testing.methods import METHOD_CHECKS

ZOO = Path(__file__).resolve().parents[1] / "zoo"
ANIMALS = ("kit_animals",)


@pytest.fixture(autouse=True)
def _zoo(monkeypatch):
    monkeypatch.syspath_prepend(str(ZOO))


def check(name, **more):
    return testing.check_method(name, extra=ANIMALS, **more)


def failed(report):
    return {o.name: o.detail for o in report.failures}


def test_a_sound_method_passes_every_check():
    report = check("kit-sound")
    assert report.ok, str(report)
    assert report.ran == len(report.outcomes) == len(METHOD_CHECKS) == 20
    assert str(report).splitlines()[-1] == "method kit-sound: 20 checks ran, 0 failed"


@pytest.mark.parametrize(
    ("name", "broken", "said"),
    [
        ("kit-not-so-random", "another seed", "declare random=False"),
        ("kit-secretly-random", "another seed", "declare random=True"),
        ("kit-clock", "same seed, same bytes", "two runs with the same seed"),
        ("kit-process", "same seed, same bytes", "a spawned process wrote a different file"),
        ("kit-stateful", "one object, two calls", "second call"),
        ("kit-greedy", "budget respected", "at 1/12 kept: kit-greedy is over its budget"),
        ("kit-relabels", "labels and pixels true", "labels differ"),
        ("kit-reads-test", "no test data touched", "test-images.npy"),
        ("kit-seeds-globally", "nothing global changed", "NumPy's global random state"),
        ("kit-changes-labels", "works in a spawned process", "changed the labels that it was handed"),
        ("kit-saves-less", "counted by its file", "save() says"),
        ("kit-says-less", "counted by its file", "bits_per_pixel says 1, its file has 24"),
        ("kit-counts-less", "counted by its file", "nominal_kept says 0, its file has"),
        ("kit-halves", "nothing global changed", "PyTorch's default dtype"),
        ("kit-forgets-gradients", "nothing global changed", "whether PyTorch computes gradients"),
        ("kit-takes-threads", "nothing global changed", "PyTorch's number of threads"),
        ("kit-silences", "nothing global changed", "sys.stdout"),
        ("kit-patches-loss", "nothing global changed", "torch.nn.functional.cross_entropy"),
        ("kit-patches-save", "nothing global changed", "CompressedDataset.save"),
        ("kit-loses-ids", "second step of a pipeline", ""),
        ("kit-undocumented", "spec and parameters documented", "'count' has no doc"),
        ("kit-bad-default", "spec and parameters documented", "does not accept its own default"),
        ("kit-no-summary", "spec and parameters documented", "summary must be one line"),
        ("kit-unknown-stage", "spec and parameters documented", "a-stage-that-nobody-has"),
        ("kit-no-bits", "spec and parameters documented", "bits must be whole numbers"),
        ("kit-uneven-shares", "shares of its work", "in two shares gave another file"),
        ("kit-no-shares", "builds with its defaults", "there is no prepare(task, part, parts)"),
        ("kit-wrong-keyword", "builds with its defaults", "cannot be built by keyword"),
    ],
)
def test_each_breach_is_found_by_its_check(name, broken, said):
    report = check(name)
    assert not report.ok
    assert broken in failed(report), str(report)
    assert said in failed(report)[broken]


def test_a_breach_fails_its_own_check_alone():
    for name in ("kit-uneven-shares", "kit-reads-test", "kit-seeds-globally", "kit-stateful", "kit-secretly-random"):
        assert len(failed(check(name))) == 1, name


@pytest.mark.parametrize(
    ("name", "said", "timeout"),
    [
        ("kit-raises", "failed: ValueError: the animal bites", 300),
        ("kit-exits", "its process ended with exit code 3", 300),
        ("kit-hangs", "timeout: killed after its limit of 3 s", 3),
        ("kit-declines", "declines every budget of the kit: 1/4 kept: kit-declines: it never feels like it", 300),
    ],
)
def test_what_does_not_come_back_is_tried_in_a_process_of_its_own_only(name, said, timeout):
    report = check(name, timeout=timeout)
    assert said in failed(report)["works in a spawned process"]
    assert (report.ran, len(report.failures)) == (5, 1)
    assert {o.status for o in report.outcomes[5:]} == {"not run"}
    assert not report.ok


def test_the_kit_goes_on_after_a_failed_check():
    report = check("kit-wrong-in-two-ways")
    assert set(failed(report)) == {"budget respected", "labels and pixels true", "second step of a pipeline"}
    assert report.ran == len(METHOD_CHECKS)


def test_the_kit_goes_on_where_a_method_gives_a_result():
    report = check("kit-raises-at-first")
    assert report.ran == len(METHOD_CHECKS)
    line = failed(report)["works in a spawned process"]
    assert re.fullmatch(
        r"at 1/4 kept: ValueError: the animal is full \(kit_animals\.py:\d+\); at 1/2 kept: .*", line
    ), line
    assert report.log.count('raise ValueError("the animal is full")') == 3
    assert set(failed(report)) == {"works in a spawned process", "second step of a pipeline"}


def test_a_method_may_decline_some_budgets():
    report = check("kit-declines-half")
    assert report.ok, str(report)
    detail = next(o.detail for o in report.outcomes if o.name == "budget respected")
    assert detail.startswith("1/12 kept: 0.083")


def test_larger_pictures_are_said():
    report = check("kit-enlarges")
    assert report.ok, str(report)
    detail = next(o.detail for o in report.outcomes if o.name == "counted by its file")
    assert "pictures of 64 x 64 where the set has 32 x 32" in detail


def test_no_check_is_a_failure():
    report = testing.Report("method", "nothing")
    assert not report.ok
    assert "0 checks ran" in str(report)
    report.outcomes.append(testing.Outcome("a", "not run", "", 0.0))
    assert not report.ok
    assert json.loads(report.as_json())["ran"] == 0


def test_unknown_names_are_the_users_to_mend():
    with pytest.raises(UserError, match="did you mean 'kit-sound'"):
        check("kit-soudn")
    with pytest.raises(UserError, match="no method is called"):
        testing.checks("kit-soudn-at-all", extra=ANIMALS)
    with pytest.raises(UserError, match="no dataset is called"):
        testing.check_dataset("ccbench-kit")  # offered to the kit only
    with pytest.raises(UserError, match="no dataset is called"):
        testing.dataset_checks("no-such-set")


def test_pytest_gets_one_parameter_for_each_check():
    params = testing.checks("kit-sound", extra=ANIMALS)
    assert [p.id for p in params] == [name.replace(" ", "-") for name in METHOD_CHECKS]
    for param in params[:3]:
        assert param.values[0]() is None


def test_pytest_sees_a_breach_as_a_failure_and_the_rest_as_skipped():
    params = {p.id: p.values[0] for p in testing.checks("kit-raises", extra=ANIMALS)}
    with pytest.raises(AssertionError, match="the animal bites"):
        params["works-in-a-spawned-process"]()
    with pytest.raises(pytest.skip.Exception, match="did not finish"):
        params["file-round-trip"]()


def test_outcomes_are_told_as_they_come():
    told = []
    report = check("kit-sound", told=told.append)
    assert told == report.outcomes


SHAPE = DataShape(images=96, height=32, width=32, classes=4)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("random", ["1/4", "1/2", "1/12", "1/24"]),
        ("mediancut", ["1/12", "1/24", "1/3"]),  # 2, 1 and 8 bits of 24
        ("full", ["1"]),
        ("random[fraction=0.5]", ["1/2"]),
        ("random[fraction=0.5]+mediancut", ["1/24", "1/48", "1/6"]),
        ("random[fraction=0.5]+mediancut[bits=2]", ["1/24"]),
        ("random[fraction=0.1]+random", ["1/20"]),  # a quarter of 9.6 images is less than one for each class
    ],
)
def test_budgets_that_an_expression_is_tried_at(name, kept):
    found = levels(parse(name, Plugins()), SHAPE)
    assert [b.kept for _, b in found] == [Fraction(k) for k in kept]


def test_a_pipeline_of_built_in_methods_passes():
    report = testing.check_method("random[fraction=0.5]+mediancut")
    assert report.ok, str(report)
    assert [o.name for o in report.outcomes if o.status == "not run"] == ["second step of a pipeline"]


def test_the_kits_images():
    train, test = testing.image_set(), testing.image_set("test", images=40)
    assert train.images.shape == (96, 32, 32, 3)
    assert np.bincount(train.labels).tolist() == [30, 26, 22, 18]
    assert test.images.shape == (40, 32, 32, 3)
    assert testing.image_set().digest == train.digest
    assert not {i.tobytes() for i in train.images} & {i.tobytes() for i in test.images}
    colors = [len(np.unique(image.reshape(-1, 3), axis=0)) for image in train.images]
    assert min(colors) > 256  # no palette of 8 bits holds one exactly
    assert np.bincount(testing.image_set(images=8, size=8).labels).min() >= 1


def test_a_lab_keeps_to_its_folder(tmp_path):
    lab = Lab("random", folder=tmp_path / "lab")
    assert len(lab.splits.test) == 40
    assert lab.make().result.ids.max() < 96
    assert {p.name for p in tmp_path.iterdir()} == {"lab"}


def test_a_dataset_passes_and_a_changing_one_does_not():
    report = testing.check_dataset("photodigits")
    assert report.ok, str(report)
    assert report.ran == len(report.outcomes) == 9


class Restless:
    """A dataset plugin whose images are new each time, and whose test split is its training split."""

    __name__ = "restless"

    from ccbench import DatasetSpec, hookimpl

    @hookimpl
    def ccbench_datasets(self):
        return [self.DatasetSpec(name="restless", target=f"{__name__}:Restless", version="1", summary="s")]

    def fingerprint(self, source):
        return "always the same"

    def splits(self, source):
        from ccbench.data import ImageStream

        np.random.seed(1)
        images = np.frombuffer(os.urandom(8 * 8 * 8 * 3), np.uint8).reshape(8, 8, 8, 3)
        return {s: ImageStream.from_arrays(images, [0, 1] * 4, ("a", "b")) for s in ("train", "test")}


def test_breaches_of_a_dataset():
    report = testing.check_dataset("restless", extra=[Restless()])
    found = failed(report)
    assert set(found) == {
        "spec and parameters documented",
        "same data twice",
        "splits differ",
        "nothing global changed",
    }
    assert "licence" in found["spec and parameters documented"]


@pytest.fixture
def command(forked, tmp_path):
    """Call the command line, where the animals are."""
    variables = {**os.environ, "PYTHONPATH": str(ZOO), "OMP_NUM_THREADS": "1"}
    return lambda *args: forked(["-p", "kit_animals", *args], tmp_path, variables=variables)


def test_the_command_exits_1_for_a_breach_and_its_json_is_clean(command):
    done = command("check", "kit-relabels", "--json")
    assert done.code == 1, done.err
    data = json.loads(done.out)
    assert (data["kind"], data["subject"], data["ok"], data["ran"]) == ("method", "kit-relabels", False, 20)
    assert "labels and pixels true" in {o["name"] for o in data["outcomes"] if o["status"] == "failed"}


def test_the_command_says_where_a_method_failed_and_where_the_rest_is_told(command):
    done = command("check", "kit-raises")
    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if line.startswith("failed")]
    where = re.search(r"ValueError: the animal bites \(kit_animals\.py:(\d+)\)$", line)
    source = (ZOO / "kit_animals.py").read_text().splitlines()
    assert "the animal bites" in source[int(where.group(1)) - 1]
    assert "Traceback" not in done.out + done.err
    log = Path(re.fullmatch(r"tracebacks: (.*)\n", done.err).group(1))
    assert "Traceback" in log.read_text()
    log.unlink()


def test_the_command_knows_datasets_and_exits_0(command):
    done = command("check", "photodigits")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "dataset photodigits: 9 checks ran, 0 failed"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kit-soudn", "did you mean 'kit-sound'"),
        ("photodigit", "did you mean 'photodigits'"),
        ("kit-sound[colour=1]", "no parameter 'colour'"),
        ("kit-sound+nothing", "no method is called 'nothing'"),
        (str(ZOO), f"ccbench check folder:{ZOO}"),
    ],
)
def test_the_command_exits_2_for_a_name_that_nobody_has(command, name, said):
    done = command("check", name)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err

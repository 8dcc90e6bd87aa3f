"""A user's own recipe file as the protocol of a run: its content is what its rows stand under."""

import json

import pytest

RECIPE = """
# a second or two
[train]
architecture = "quicknet"
iterations = {iterations}
batch = 64
lr = 0.05

[proxy]
architecture = "quicknet"
iterations = 8
batch = 64
lr = 0.05
"""
RUN = ("--methods", "random", "--ratio", "0.9", "--seeds", "1", "--protocol", "./my recipe.toml", "--out", "out")


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        (tmp_path / "my recipe.toml").write_text(text)

    return write


def test_a_recipe_file_is_a_protocol(ccbench, records, recipe, tmp_path):
    recipe(RECIPE.format(iterations=8))
    ccbench("run", *RUN)
    (first,) = records(tmp_path / "out")
    name, _, digest = first["protocol"].partition("@")
    assert (name, first["protocol_version"]) == ("my-recipe", digest)
    assert (first["status"], first["iterations"]) == ("ok", 8)
    recipe("# other words\n" + RECIPE.format(iterations=8).replace("# a second or two", ""))
    assert "1 cached" in ccbench("run", *RUN).stderr
    recipe(RECIPE.format(iterations=9))
    plan = json.loads(ccbench("plan", *RUN, "--json").stdout)
    assert [c["state"] for c in plan["cells"]] == ["to run"]
    (artifact,) = (tmp_path / "out/artifacts").glob("*.ccb")
    ccbench("evaluate", artifact, "--protocol", "my recipe.toml", "--out", "one")
    (record,) = records(tmp_path / "one")
    assert record["iterations"] == 9
    assert record["protocol"] == plan["cells"][0]["protocol"] != first["protocol"]


def test_a_base_lies_beside_the_file_and_counts(ccbench, recipe, tmp_path):
    def planned():
        (cell,) = json.loads(ccbench("plan", *RUN, "--json").stdout)["cells"]
        return cell["protocol"]

    recipe(RECIPE.format(iterations=8))
    whole = planned()
    (tmp_path / "below.toml").write_text(RECIPE.format(iterations=9))
    recipe("base = 'below'\n[train]\niterations = 8\n")
    assert planned() == whole  # the same tables, however they are written
    (tmp_path / "below.toml").write_text(RECIPE.format(iterations=9).replace("64", "32"))
    assert planned() != whole


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.toml", None, "there is no recipe file gone.toml"),
        ("bad.toml", "[train\n", "bad.toml is no recipe file"),
        ("bytes.toml", "\xff", "bytes.toml is no recipe file"),
        ("half.toml", "[train]\narchitecture = 'quicknet'\n", "needs [train] and [proxy]"),
        ("typo.toml", RECIPE.format(iterations=8).replace("lr", "rl", 1), "rl"),
        ("layer.toml", "base = 'below'\n", "there is no recipe file below.toml"),
        ("loop.toml", "base = 'loop'\n", "loop.toml is no recipe file"),
        ("plugin.py", "x = 1\n", "ccbench -p plugin.py run --protocol NAME"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(ccbench, tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    done = ccbench("plan", "--methods", "random", "--ratio", "0.9", "--protocol", name, code=2)
    assert said in done.stderr

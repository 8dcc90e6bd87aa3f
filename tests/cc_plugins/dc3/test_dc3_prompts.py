import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_plugins.dc3.prompts import HIGH_RESOLUTION, NULL, PAPER, Prompts, prompts_of, read_prompts
from ccbench import UserError


def test_the_papers_prompts():
    assert set(PAPER.cool) == {"rainy", "snowy", "frozen lake", "infrared", "underwater"}
    assert set(PAPER.warm) == {"sunny", "golden hour", "sepia", "vivid colors", "daylight"}
    one = Prompts(PAPER.template, cool=("rainy",), warm=("sepia",))
    assert one.draw("cool", 0, 1) == "Adjust the color hue to be rainy and preserve all details and content"
    assert one.draw("warm", 3, 1) == "Adjust the color hue to be sepia and preserve all details and content"


@pytest.mark.parametrize(("compensate", "text"), [("null", ""), ("hr", "High-Resolution images")])
def test_fixed_prompts_of_table_6(compensate, text):
    prompts = prompts_of(compensate, "")
    assert {prompts.draw(hue, number, seed) for hue in ("cool", "warm") for number in (0, 1) for seed in range(9)} == {
        text
    }
    assert prompts in (NULL, HIGH_RESOLUTION)


@given(seed=st.integers(0, 2**32 - 1), hue=st.sampled_from(["cool", "warm"]))
def test_pictures_of_one_image_use_up_the_group_before_a_hue_comes_again(seed, hue):
    drawn = [PAPER.draw(hue, number, seed) for number in range(10)]
    assert sorted(drawn[:5]) == sorted(PAPER.template.replace("{p}", p) for p in getattr(PAPER, hue))
    assert drawn[5:] == drawn[:5]


def test_every_hue_comes_first_about_equally_often():
    first = [PAPER.draw("cool", 0, seed) for seed in range(1000)]
    counts = [first.count(text) for text in set(first)]
    assert len(counts) == 5
    # 200 each; five standard deviations of a binomial are 63
    assert all(137 < count < 263 for count in counts)


def test_a_users_file(tmp_path):
    file = tmp_path / "prompts.toml"
    file.write_text('template = "in {p} and 50% {x}"\ncool = ["ice", "Meer bei Nacht"]\nwarm = ["fire"]\n')
    found = prompts_of("diffusion", str(file))
    assert found == Prompts("in {p} and 50% {x}", cool=("ice", "Meer bei Nacht"), warm=("fire",))
    assert found.draw("warm", 7, 3) == "in fire and 50% {x}"  # only {p} means anything
    file.write_text('cool = ["ice"]\nwarm = ["fire"]\n')
    assert read_prompts(file).template == PAPER.template


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('cold = ["ice"]\nwarm = ["fire"]', "unknown hue group 'cold', did you mean 'cool'"),
        ('cool = ["ice"]\nwarm = ["fire"]\nneutral = ["grey"]', "unknown hue group 'neutral'"),
        ('cool = ["ice"]', "at least one warm hue"),
        ('cool = []\nwarm = ["fire"]', "at least one cool hue"),
        ('cool = "ice"\nwarm = ["fire"]', "at least one cool hue"),
        ('cool = ["ice", 3]\nwarm = ["fire"]', "at least one cool hue"),
        ('cool = ["  "]\nwarm = ["fire"]', "at least one cool hue"),
        ('template = "no hue"\ncool = ["ice"]\nwarm = ["fire"]', "no place for the hue"),
        ('template = 3\ncool = ["ice"]\nwarm = ["fire"]', "no place for the hue"),
        ("rainy, snowy", "no TOML"),
        ("", "at least one cool hue"),
    ],
)
def test_files_that_are_wrong(tmp_path, text, says):
    file = tmp_path / "prompts.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        read_prompts(file)
    assert str(file) in caught.value.what
    assert caught.value.mend


def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_prompts(tmp_path / "missing.toml")
    with pytest.raises(UserError, match="cannot be read"):
        read_prompts(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'cool = ["\xe9t\xe9"]')
    with pytest.raises(UserError, match="no TOML"):
        read_prompts(tmp_path / "latin.toml")


def test_a_file_beside_a_fixed_prompt_is_refused(tmp_path):
    with pytest.raises(UserError, match="compensate=null has a prompt of its own"):
        prompts_of("null", str(tmp_path / "prompts.toml"))

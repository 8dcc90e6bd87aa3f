"""Lists of datasets: what separates two of them and what belongs to a path."""

import pytest

from ccbench.data.names import split_names
from ccbench.errors import UserError
from ccbench.offers.discovery import plugins


def test_a_comma_of_a_folder_that_is_there_is_part_of_its_name(tmp_path):
    folder = tmp_path / "a,b"
    folder.mkdir()
    names = (f"folder:{folder}", "photodigits")
    assert split_names(",".join(names), plugins()) == names
    assert split_names(",".join(reversed(names)), plugins()) == tuple(reversed(names))


def test_a_comma_separates_datasets():
    assert split_names("photodigits,cifar10", plugins()) == ("photodigits", "cifar10")
    assert split_names("folder:/no/such,cifar10", plugins()) == ("folder:/no/such", "cifar10")


def test_what_follows_a_path_is_a_dataset(tmp_path):
    with pytest.raises(UserError, match="no dataset is called 'b'"):
        split_names(f"folder:{tmp_path}/a,b", plugins())


@pytest.mark.parametrize("there", [True, False])
def test_python_takes_a_text_for_one_dataset(tmp_path, there):
    import ccbench

    if there:
        (tmp_path / "a,photodigits").mkdir()
    name = f"folder:{tmp_path}/a,photodigits"
    with pytest.raises(UserError, match=f"{name} " + ("has fewer than two classes" if there else "is not a folder")):
        ccbench.run("random", 0.5, dataset=name, out=tmp_path / "out", display="quiet")


def test_a_path_that_no_system_has_is_no_traceback(tmp_path):
    name = "folder:" + "a" * 5000
    assert split_names(f"{name},photodigits", plugins()) == (name, "photodigits")

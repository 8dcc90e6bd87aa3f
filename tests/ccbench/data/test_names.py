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


def test_python_splits_as_the_command_line_does(tmp_path, monkeypatch):
    import ccbench

    (tmp_path / "a,b").mkdir()
    with pytest.raises(UserError) as caught:  # it is one folder, an empty one
        ccbench.run("random", 0.5, dataset=f"folder:{tmp_path}/a,b", out=tmp_path / "out", display="quiet")
    assert f"{tmp_path}/a,b" in str(caught.value)
    assert "no dataset is called" not in str(caught.value)

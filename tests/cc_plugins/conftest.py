"""The kit's images, for tests that run methods on them."""

import pytest

from ccbench.testing.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Shared by the tests of a module, with what their methods keep."""
    return Lab("random", folder=tmp_path_factory.mktemp("lab"))


@pytest.fixture
def empty(tmp_path):
    """The same images with a cache of its own."""
    return Lab("random", folder=tmp_path / "lab")

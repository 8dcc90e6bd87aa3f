"""A tiny diffusion model, built once per test process."""

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of an InstructPix2Pix pipeline of about 1 MB; do not write there."""
    from tests.cc_plugins.dc3.tiny_pipeline import build

    return build(tmp_path_factory.mktemp("diffusion"))

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def light_sample():
    """The module tests/light_sample.py."""
    path = Path(__file__).parent.parent / "light_sample.py"
    spec = importlib.util.spec_from_file_location("light_sample", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def light_dir(light_sample, tmp_path):
    """A DATA_DIR with a small LIGHT in it."""
    light_sample.write_light_sample(tmp_path)
    return tmp_path

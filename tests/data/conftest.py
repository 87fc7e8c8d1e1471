import pytest


@pytest.fixture
def light_dir(light_sample, tmp_path):
    """A DATA_DIR with a small LIGHT in it."""
    light_sample.write_light_sample(tmp_path)
    return tmp_path

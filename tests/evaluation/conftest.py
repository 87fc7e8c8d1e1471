"""What the tests of evaluation share."""

import builtins

import pytest


@pytest.fixture
def without_matplotlib(monkeypatch):
    """matplotlib cannot be imported."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)

import numpy as np
import pytest

from persona_tf.npz_file import assign, read_npz, write_npz

ARRAYS = {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "seed": np.array([1, 2**32 - 1], np.uint32)}


class Variable:
    """What `assign` needs of a Keras variable."""

    def __init__(self, shape):
        self.shape, self.value = shape, None

    def assign(self, value):
        self.value = value


@pytest.fixture
def path(tmp_path):
    write_npz(tmp_path / "a.npz", ARRAYS)
    return tmp_path / "a.npz"


def _variables(**shapes):
    return {name: Variable(array.shape) for name, array in ARRAYS.items()} | {n: Variable(s) for n, s in shapes.items()}


def _same(found):
    return found.keys() == ARRAYS.keys() and all(
        found[name].dtype == array.dtype and np.array_equal(found[name], array) for name, array in ARRAYS.items()
    )


def test_round_trip(path):
    assert _same(read_npz(path, ""))
    with np.load(path) as file:
        assert _same(dict(file)), "any NumPy reads it"


@pytest.mark.parametrize("mask", [0x01, 0x08, 0x40, 0xFF])
def test_whatever_byte_is_damaged_it_is_noticed_or_does_no_harm(path, mask):
    whole, harmless = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
        variables, refused = _variables(), ""
        try:
            assign(path, read_npz(path, "start anew"), variables, "start anew")
        except ValueError as error:
            refused = str(error)
        if refused:
            assert refused.startswith(f"{path}: ")
            assert refused.endswith("; start anew")
            assert all(variable.value is None for variable in variables.values()), "nothing is assigned then"
        else:
            harmless += 1
            assert _same({name: variable.value for name, variable in variables.items()}), place
    assert harmless < len(whole) / 3, "dates and the like"


def test_a_damaged_length_is_noticed(tmp_path):
    """`np.load` would read so much and no more, and see no checksum."""
    path = tmp_path / "a.npz"
    write_npz(path, {"a": np.arange(20_000)})
    whole = path.read_bytes()
    assert whole.count(b"(20000,)") == 1
    path.write_bytes(whole.replace(b"(20000,)", b"(10000,)"))
    with pytest.raises(ValueError, match="damaged"):
        read_npz(path, "")


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file(path, keep):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    with pytest.raises(ValueError, match=r"a.npz: damaged .*; start anew"):
        read_npz(path, "start anew")


def test_there_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "a.npz", "")


def test_nothing_but_the_arrays_is_handed_to_numpy(tmp_path, monkeypatch):
    """NumPy 2.0 has no option of `savez`: each would become an array."""
    seen = {}
    monkeypatch.setattr(np, "savez", lambda file, **arrays: seen.update(arrays))
    write_npz(tmp_path / "a.npz", ARRAYS)
    assert seen.keys() == ARRAYS.keys()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (_variables(more=(3,)), r"another model: 1 variables missing \['more'\], 0 unknown \[\]; todo"),
        ({"seed": Variable((2,))}, r"another model: 0 variables missing \[\], 1 unknown \['a/kernel'\]; todo"),
        (_variables(**{"a/kernel": (2, 4)}), r"a/kernel has shape \(2, 3\), the model expects \(2, 4\); todo"),
    ],
)
def test_arrays_of_another_model_are_refused(path, variables, message):
    with pytest.raises(ValueError, match=rf"a.npz: .*{message}"):
        assign(path, read_npz(path, ""), variables, "todo")
    assert all(variable.value is None for variable in variables.values())

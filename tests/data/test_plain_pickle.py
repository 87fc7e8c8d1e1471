import collections
import datetime
import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.errors import DataError
from persona_tf.data.plain_pickle import load_plain_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


class Runs:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@given(PLAIN, st.integers(0, 5))
def test_plain_data_is_loaded_as_pickle_does(tmp_path_factory, value, protocol):
    path = tmp_path_factory.mktemp("plain") / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert load_plain_pickle(path) == value


@pytest.mark.parametrize("protocol", range(6))
def test_sets_are_plain(tmp_path, protocol):
    path = tmp_path / "x.pkl"
    value = [{"a", 1}, frozenset((2,))]
    path.write_bytes(pickle.dumps(value, protocol))
    assert load_plain_pickle(path) == value


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Runs(eval, "1"), "eval"),
        (Runs(getattr, "a", "upper"), "getattr"),
        (Runs(os.system, "true"), "system"),
        (Runs(os.mkdir, "made_by_a_pickle"), "mkdir"),
        (collections.OrderedDict(a=1), "OrderedDict"),
        (datetime.date(2020, 1, 1), "date"),
        (len, "len"),
    ],
)
def test_code_is_refused_by_name_and_never_runs(tmp_path, monkeypatch, protocol, value, named):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps([1, {"deep": value}], protocol))
    with pytest.raises(DataError, match=rf"evil\.pkl: refused \S*{named}"):
        load_plain_pickle(path)
    assert not (tmp_path / "made_by_a_pickle").exists()


def test_a_dotted_name_does_not_get_round_the_list(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04\x8c\x08builtins\x8c\x0dstr.__class__\x93.")
    with pytest.raises(DataError, match=r"refused builtins\.str\.__class__"):
        load_plain_pickle(path)


def test_persistent_objects_are_refused(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"Pmodel\n.")
    with pytest.raises(DataError, match="refused the persistent object 'model'"):
        load_plain_pickle(path)


@pytest.mark.parametrize("protocol", range(6))
def test_every_truncation_is_an_error_that_names_the_file(tmp_path, protocol):
    whole = pickle.dumps([{"speech": ["hello", None, 1.5, (True, {"é"})]}] * 3, protocol)
    path = tmp_path / "cut.pkl"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"cut\.pkl.*(breaks off|refused)"):
            load_plain_pickle(path)


@given(st.binary(max_size=60))
def test_garbage_is_an_error_or_plain(tmp_path_factory, garbage):
    path = tmp_path_factory.mktemp("garbage") / "x.pkl"
    path.write_bytes(garbage)
    try:
        load_plain_pickle(path)
    except DataError as error:
        assert "x.pkl" in str(error)  # noqa: PT017

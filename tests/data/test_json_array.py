import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.errors import DataError
from persona_tf.data.json_array import array_elements

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def read(text, chunk=4):
    return list(array_elements(io.StringIO(text), "x.json", chunk))


@given(st.lists(VALUES, max_size=5), st.integers(1, 20), st.sampled_from([None, 2]), st.booleans())
def test_the_elements_are_those_of_the_whole(values, chunk, indent, ascii):
    assert read(json.dumps(values, indent=indent, ensure_ascii=ascii), chunk) == values


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "expected a JSON array, found its end"),
        ('{"a": 1}', "expected a JSON array, found '{"),
        ('[{"a": 1}, {"b": ', "element 1 is broken or breaks off"),
        ('[{"a": 1}', "expected a comma after element 0, found its end"),
        ("[1 2]", "expected a comma after element 0, found '2"),
        ("[nonsense]", "element 0 is broken"),
    ],
)
def test_what_is_no_array_says_where(text, named):
    with pytest.raises(DataError, match=named.replace("[", r"\[")):
        read(text)


def test_what_comes_before_a_break_is_read():
    elements = array_elements(io.StringIO('[[1], [2], [3, "'), "x.json", 3)
    assert [next(elements), next(elements)] == [[1], [2]]
    with pytest.raises(DataError, match=r"x\.json: element 2"):
        next(elements)


def test_other_encodings_are_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes('["café"]'.encode("latin-1"))
    with path.open(encoding="utf-8") as file, pytest.raises(DataError, match="no UTF-8"):
        list(array_elements(file, str(path)))

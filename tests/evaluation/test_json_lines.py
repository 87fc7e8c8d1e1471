import pytest

from persona_tf.evaluation.json_lines import check_fields, check_type, read_json_lines

TYPES = {"name": (str,), "size": (int, type(None)), "on": (bool,)}


def test_objects_come_one_by_one_and_empty_lines_are_passed_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes('\ufeff{"a": "\u2028 ё"}\r\n \n\n{"a": 2}'.encode())
    assert list(read_json_lines(path, lambda data: data["a"])) == ["\u2028 ё", 2]


@pytest.mark.parametrize("begin", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\r\n \n"])
def test_a_mark_and_blank_lines_at_the_beginning_are_passed_over(tmp_path, begin):
    path = tmp_path / "a.jsonl"
    path.write_bytes(begin)
    assert list(read_json_lines(path, dict)) == []
    path.write_bytes(begin + b'{"a": 1}\r\n')
    assert list(read_json_lines(path, dict)) == [{"a": 1}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", r"expected one JSON object a line, got '\{'"),
        (b"[1]", r"expected a JSON object, got \[1\]"),
        (b'{"a": "\xff"}', "expected text in UTF-8 .*can't decode byte 0xff.*save the file anew"),
        (b"[" * 100_000, r"expected one JSON object a line, got '\[+ \("),
        (b'{"a": 1 "b": 2}', "delimiter at character 9"),
        (b'{"a": "no"}', "no number"),
    ],
)
def test_an_error_names_file_and_line(tmp_path, line, message):
    def number(data):
        if not isinstance(data["a"], int):
            raise ValueError("no number")
        return data["a"]

    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\n' + line)
    with pytest.raises(ValueError, match=rf"a\.jsonl:3: .*{message}"):
        list(read_json_lines(path, number))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "^field 'x.name' is missing$"),
        ({"name": "a", "nam": 1}, "^unknown field 'x.nam'; known are name, size, on$"),
        ({"name": 3}, "^field 'x.name': expected str, got 3$"),
        ({"name": "a", "size": 1.5}, "^field 'x.size': expected int or null, got 1.5$"),
        ({"name": "a", "size": True}, "^field 'x.size': expected int or null, got True$"),
        ("a" * 99, "^x: expected a JSON object, got 'a{59}$"),
    ],
)
def test_wrong_fields_are_named(data, message):
    with pytest.raises(ValueError, match=message):
        check_fields(data, TYPES, ["name"], "x.")


def test_what_fits_passes():
    check_fields({"name": "a", "size": None, "on": True}, TYPES, ["name"])
    check_type("a", 1, (int, float))
    with pytest.raises(ValueError, match=r"^expected a JSON object, got 3$"):
        check_fields(3, TYPES, [])

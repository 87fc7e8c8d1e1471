import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat.fact_ids import facts_in, likeliest
from persona_tf.example import OwnedFact
from persona_tf.text.vocabulary import fact_ids

MARKS = fact_ids(100)
ME, YOU, WORLD = MARKS.owners


def decode_all(rows):
    return [" ".join(map(str, row)) for row in rows]


def read(*row):
    [facts] = facts_in([row], MARKS, decode_all)
    return facts


def test_owners_and_words():
    found = read(YOU, 20, 21, WORLD, 22, ME, 23, MARKS.end, 0, 0)
    assert found == (OwnedFact("partner", "20 21"), OwnedFact("world", "22"), OwnedFact("self", "23"))


def test_nothing_is_no_fact():
    assert read(MARKS.end, 0) == read() == read(20, 21, MARKS.end) == read(ME, YOU, MARKS.end) == ()


def test_what_stands_twice_counts_once():
    assert read(ME, 20, ME, 20, YOU, 20) == (OwnedFact("self", "20"), OwnedFact("partner", "20"))


def test_rows_stay_apart():
    rows = [(MARKS.end,), (ME, 20, MARKS.end), (), (YOU, 21)]
    assert facts_in(rows, MARKS, decode_all) == [(), (OwnedFact("self", "20"),), (), (OwnedFact("partner", "21"),)]


@given(st.lists(st.lists(st.integers(0, MARKS.end), max_size=9), max_size=4))
def test_whatever_is_written_can_be_read(rows):
    found = facts_in(rows, MARKS, decode_all)
    assert len(found) == len(rows)
    assert all(fact.text and fact.owner in ("self", "partner", "world") for row in found for fact in row)


SISTER, PET, NOTHING = (ME, 20, MARKS.end), (ME, 21, MARKS.end), (MARKS.end, 0, 0)


@pytest.mark.parametrize(
    ("rows", "log_probs", "best"),
    [
        ((SISTER,), (-9.0,), 0),
        ((SISTER, PET, NOTHING), (-5.0, -4.0, -0.1), 1),
        ((NOTHING, SISTER, NOTHING), (-2.0, -0.1, -1.0), 2),
        ((SISTER, NOTHING), (-0.1, -3.0), 1),
    ],
    ids=["one", "most say something", "most say nothing", "as many: nothing is made up"],
)
def test_the_likeliest_of_what_most_say(rows, log_probs, best):
    assert likeliest(rows, log_probs, MARKS.end) == best

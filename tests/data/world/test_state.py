import doctest

import pytest

from persona_tf.data.world import state as module
from persona_tf.data.world.state import Place, State, bare


@pytest.fixture
def state():
    affords = {
        "old sword": frozenset({"get", "wield"}),
        "wool cloak": frozenset({"get", "wear"}),
        "bowl of stew": frozenset({"get", "eat"}),
        "cup of wine": frozenset({"get", "drink"}),
        "oak chest": frozenset({"hold"}),
    }
    places = {
        "old sword": Place("room"),
        "wool cloak": Place("worn", 0),
        "bowl of stew": Place("carried", 0),
        "cup of wine": Place("carried", 1),
        "oak chest": Place("room"),
    }
    return State(("Ada Brook", "Bram"), ("old woman",), places, affords)


def test_doctests():
    assert doctest.testmod(module).failed == 0


def test_available_is_exactly_what_can_be_done(state):
    assert set(state.available(0)) == {
        "get old sword",
        "remove wool cloak",
        "drop bowl of stew",
        "put bowl of stew in oak chest",
        "give bowl of stew to Bram",
        "eat bowl of stew",
        "steal cup of wine from Bram",
        "hug Bram",
        "hit Bram",
        "hug old woman",
        "hit old woman",
    }


@pytest.mark.parametrize(
    ("deeds", "thing", "place"),
    [
        ([(0, "get old sword"), (0, "wield old sword")], "old sword", Place("wielded", 0)),
        ([(0, "remove wool cloak")], "wool cloak", Place("carried", 0)),
        ([(0, "remove wool cloak"), (0, "drop wool cloak")], "wool cloak", Place("room")),
        ([(1, "give cup of wine to Ada Brook")], "cup of wine", Place("carried", 0)),
        ([(0, "steal cup of wine from Bram")], "cup of wine", Place("carried", 0)),
        ([(0, "put bowl of stew in oak chest")], "bowl of stew", Place("in", box="oak chest")),
        (
            [(0, "put bowl of stew in oak chest"), (1, "get bowl of stew from oak chest")],
            "bowl of stew",
            Place("carried", 1),
        ),
    ],
)
def test_deeds_move_things(state, deeds, thing, place):
    for actor, action in deeds:
        state.apply(actor, action)
    assert state.places[thing] == place


def test_what_is_eaten_is_gone(state):
    state.apply(0, "eat bowl of stew")
    state.apply(1, "drink cup of wine")
    assert not {"bowl of stew", "cup of wine"} & set(state.places)


def test_the_impossible_is_refused(state):
    with pytest.raises(ValueError, match="Bram can take now"):
        state.apply(1, "wield old sword")


def test_bare():
    assert [bare(n) for n in ("a pie", "an oar", "the oak", "some ale", "antler")] == [
        "pie",
        "oar",
        "oak",
        "ale",
        "antler",
    ]

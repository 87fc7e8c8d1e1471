"""What lies where, and who can do what: LIGHT's twelve verbs over the things that are really there.

>>> state = State(("Ada", "Bram"), ("guard",), {"apple": Place("room"), "chest": Place("room")},
...               {"apple": frozenset(["get", "eat"]), "chest": frozenset(["hold"])})
>>> state.available(0)
['get apple', 'hug Bram', 'hit Bram', 'hug guard', 'hit guard']
>>> state.apply(0, "get apple")
>>> state.available(0)[:4]
['drop apple', 'put apple in chest', 'give apple to Bram', 'eat apple']
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

AFFORDANCES = ("get", "hold", "wear", "wield", "eat", "drink")
"""What a thing is good for: taken, filled with others, worn, wielded, eaten, drunk."""


class Place(NamedTuple):
    """Where a thing is: in the ``room``; ``carried``, ``worn`` or ``wielded`` by someone; ``in`` another."""

    how: str
    owner: int = -1
    box: str = ""


class State:
    """The state of one dialogue. Things are named without article, persons as in the episode."""

    def __init__(
        self,
        names: Sequence[str],
        others: Sequence[str],
        places: Mapping[str, Place],
        affords: Mapping[str, frozenset[str]],
    ) -> None:
        self.names = tuple(names)
        self.others = tuple(others)
        self.places = dict(places)
        self.affords = affords

    def copy(self) -> "State":
        """A state that changes on its own."""
        return State(self.names, self.others, self.places, self.affords)

    def available(self, actor: int) -> list[str]:
        """Every action that `actor` (0 or 1) can take now, in a fixed order."""
        partner = self.names[1 - actor]
        boxes = [t for t, p in self.places.items() if p.how == "room" and "hold" in self.affords[t]]
        actions: list[str] = []
        for thing, place in self.places.items():
            affords = self.affords[thing]
            if place.how == "room" and "get" in affords:
                actions.append(f"get {thing}")
            elif place.how == "in":
                actions.append(f"get {thing} from {place.box}")
            elif place.how == "carried" and place.owner == actor:
                actions.append(f"drop {thing}")
                actions += [f"put {thing} in {box}" for box in boxes if box != thing]
                actions.append(f"give {thing} to {partner}")
                actions += [f"{verb} {thing}" for verb in ("wear", "wield", "eat", "drink") if verb in affords]
            elif place.how == "carried":
                actions.append(f"steal {thing} from {partner}")
            elif place.owner == actor:
                actions.append(f"remove {thing}")
        for person in (partner, *self.others):
            actions += [f"hug {person}", f"hit {person}"]
        return actions

    def apply(self, actor: int, action: str) -> None:
        """Does `action`.

        Raises:
          ValueError: `actor` cannot do that now.
        """
        if action not in self.available(actor):
            raise ValueError(f"action: expected one that {self.names[actor]} can take now, got {action!r}")
        verb, _, rest = action.partition(" ")
        if verb in ("hug", "hit"):
            return
        if verb == "get":
            self.places[re.sub(r" from .*", "", rest)] = Place("carried", actor)
        elif verb == "drop":
            self.places[rest] = Place("room")
        elif verb == "put":
            thing, _, box = rest.partition(" in ")
            self.places[thing] = Place("in", box=box)
        elif verb == "give":
            self.places[rest.removesuffix(f" to {self.names[1 - actor]}")] = Place("carried", 1 - actor)
        elif verb == "steal":
            self.places[rest.removesuffix(f" from {self.names[1 - actor]}")] = Place("carried", actor)
        elif verb in ("wear", "wield"):
            self.places[rest] = Place("worn" if verb == "wear" else "wielded", actor)
        elif verb == "remove":
            self.places[rest] = Place("carried", actor)
        else:
            del self.places[rest]

    def where(self, how: str, owner: int = -1) -> list[str]:
        """The things that are ``how`` (`Place.how`), by `owner` if it is 0 or 1."""
        return [t for t, p in self.places.items() if p.how == how and p.owner == owner]


def bare(name: str) -> str:
    """A thing's name without its article, as actions have it: "a rusty trident" -> "rusty trident"."""
    return re.sub(r"^(an?|the|some) ", "", name)

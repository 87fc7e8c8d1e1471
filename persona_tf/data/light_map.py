"""A map of LIGHT -> people and places: ``nodes`` are rooms, agents and objects that contain one another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from persona_tf.data.errors import DataError
from persona_tf.data.json_field import json_field
from persona_tf.data.light_environment import light_json
from persona_tf.data.light_parts import light_folk, light_site, light_ware
from persona_tf.data.skips import Skips
from persona_tf.data.world.places import Ware
from persona_tf.data.world.realm import Folk, Site

_AFFORDS = {
    "gettable": "get",
    "container": "hold",
    "wearable": "wear",
    "wieldable": "wield",
    "food": "eat",
    "drink": "drink",
}


def light_map(path: Path, skips: Skips) -> tuple[tuple[Folk, ...], tuple[Site, ...]]:
    """The people and places of one map; those that cannot be read are counted in ``skips`` and left out.

    Raises:
      DataError: the file is no JSON, or lacks its nodes.
    """
    nodes = light_json(path, ("nodes",))["nodes"]
    wares: dict[str, Ware] = {}
    folk: dict[str, Folk] = {}
    sites = []
    # What is contained before what contains it.
    for kind in ("object", "agent", "room"):
        for name, node in nodes.items():
            try:
                # Some nodes of old maps say only what they are.
                if not isinstance(node, dict) or not node.get(kind):
                    continue
                if kind == "object":
                    wares[name] = _ware(node)
                elif kind == "agent":
                    folk[name] = _folk(node, nodes, wares)
                else:
                    sites.append(_site(node, wares, folk))
            except DataError as error:
                skips.add(f"{path} node {name}", str(error))
    return tuple(folk.values()), tuple(sites)


def _ware(node: Mapping[str, Any]) -> Ware:
    affords = {affords for key, affords in _AFFORDS.items() if node.get(key)}
    # Where nothing is said of it, it can be taken.
    affords |= {"get"} if "gettable" not in node else set()
    return light_ware(json_field(node, "name", str), [json_field(node, "desc", str)], affords)


def _folk(node: Mapping[str, Any], nodes: Mapping[str, Any], wares: Mapping[str, Ware]) -> Folk:
    carried: list[Ware] = []
    worn: list[Ware] = []
    wielded: list[Ware] = []
    for name in json_field(node, "contained_nodes", dict):
        if name in wares:
            on = bool(nodes[name].get("equipped"))
            affords = wares[name].affords
            (worn if on and "wear" in affords else wielded if on and "wield" in affords else carried).append(
                wares[name]
            )
    held = (tuple(carried), tuple(worn), tuple(wielded))
    return light_folk(json_field(node, "name", str), [json_field(node, "persona", str)], held)


def _site(node: Mapping[str, Any], wares: Mapping[str, Ware], folk: Mapping[str, Folk]) -> Site:
    """Maps have no categories. The text besides the description is one, or a list."""
    more = node.get("extra_desc") or []
    told = [json_field(node, "desc", str), *([more] if isinstance(more, str) else more)]
    here = json_field(node, "contained_nodes", dict)
    places = {name: place for place, name in enumerate(folk)}
    things, people = [wares[name] for name in here if name in wares], [places[name] for name in here if name in places]
    return light_site(json_field(node, "name", str), "", filter(_is_text, told), things, people)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)

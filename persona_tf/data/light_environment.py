"""``light_environment_{train,dev}.json`` -> people and places. Knows nothing of hashes and splits."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from persona_tf.data.errors import DataError
from persona_tf.data.json_field import json_field, json_texts
from persona_tf.data.light_parts import light_folk, light_site, light_ware
from persona_tf.data.skips import Skips
from persona_tf.data.world.places import Ware
from persona_tf.data.world.realm import Folk, Site

_T = TypeVar("_T")

_AFFORDS = {
    "is_gettable": "get",
    "is_container": "hold",
    "is_wearable": "wear",
    "is_weapon": "wield",
    "is_food": "eat",
    "is_drink": "drink",
}
"""By key, what a thing is good for if half of those who were asked said so."""


def light_environment(path: Path, skips: Skips) -> tuple[tuple[Folk, ...], tuple[Site, ...]]:
    """The people and places of one file; those that cannot be read are counted in ``skips`` and left out.

    Raises:
      DataError: the file is no JSON, or lacks rooms, characters or objects.
    """
    tables = light_json(path, ("rooms", "characters", "objects"))
    wares = _read(tables["objects"], _ware, f"{path} object", skips)
    folk = _read(tables["characters"], lambda data: _folk(data, wares), f"{path} character", skips)
    places = {number: place for place, number in enumerate(folk)}
    sites = _read(tables["rooms"], lambda data: _site(data, wares, places), f"{path} room", skips)
    return tuple(folk.values()), tuple(sites.values())


def light_json(path: Path, keys: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The objects at some keys of a JSON file.

    Raises:
      DataError: the file is no JSON, or lacks one.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        return {key: json_field(data, key, dict) for key in keys}
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: {error}. Move the file away and get it again.") from error


def _read(table: Mapping[str, Any], make: Callable[[Any], _T], where: str, skips: Skips) -> dict[str, _T]:
    made = {}
    for number, data in table.items():
        try:
            made[number] = make(data)
        except DataError as error:
            skips.add(f"{where} {number}", str(error))
    return made


def _ware(data: Any) -> Ware:
    affords = {affords for key, affords in _AFFORDS.items() if json_field(data, key, int, float) >= 0.5}
    return light_ware(
        json_field(data, "name", str), json_texts(json_field(data, "descriptions", list), "descriptions"), affords
    )


def _folk(data: Any, wares: Mapping[str, Ware]) -> Folk:
    carried, worn, wielded = (
        _known(data, (key,), wares) for key in ("carrying_objects", "wearing_objects", "wielding_objects")
    )
    personas = json_texts(json_field(data, "personas", list), "personas")
    return light_folk(json_field(data, "name", str), personas, (carried, worn, wielded))


def _site(data: Any, wares: Mapping[str, Ware], places: Mapping[str, int]) -> Site:
    told = [json_field(data, key, str) for key in ("description", "background")]
    things = _known(data, ("in_objects", "ex_objects"), wares)
    folk = _known(data, ("in_characters", "ex_characters"), places)
    return light_site(json_field(data, "setting", str), json_field(data, "category", str), told, things, folk)


def _known(data: Any, keys: tuple[str, ...], table: Mapping[str, _T]) -> tuple[_T, ...]:
    """What the numbers at some keys stand for; many stand for what is in no file."""
    numbers = [str(number) for key in keys for number in json_field(data, key, list)]
    return tuple(table[number] for number in dict.fromkeys(numbers) if number in table)

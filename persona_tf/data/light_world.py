"""LIGHT's own places and people (Urbanek et al. 2019, arXiv 1903.03094; MIT) -> `Realm`, for the built-in world.

Two forms of file, all below ``DATA_DIR/light/``:

* ``environment/light_environment_{train,dev}.json``: ``rooms``, ``characters`` and ``objects``, each by number;
* ``maps/*.json``: whole maps, whose ``nodes`` are rooms, agents and objects that contain one another. Whatever of the
  published ones is there is read.

The places of the dev file are the realm's unseen part, with those of its people whose name nobody of the training file
bears; maps are of the seen part, but for what is named as in the unseen one.
"""

import dataclasses
from pathlib import Path

from persona_tf.data.errors import DataError
from persona_tf.data.light_environment import light_environment
from persona_tf.data.light_map import light_map
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import SourceFile, sha256_of
from persona_tf.data.world.realm import Folk, Part, Realm, Site

TRAIN = SourceFile(
    "light/environment/light_environment_train.json",
    sha256="4c598cae3ced32c12a0f3767010d434905f3cc4214d93ce9873de51a6d6405ee",
)
DEV = SourceFile(
    "light/environment/light_environment_dev.json",
    sha256="53c73ec2a29d8fa6facf7034ffad3cc4f3094bbba147c99a0f52f68b9b09bf2f",
)
MAPS = (
    SourceFile(
        "light/maps/complex_world.json", sha256="130bf0606f266d0be29608a382737f5c437c815876951b1ff3453d5f4927b7cc"
    ),
    SourceFile(
        "light/maps/dragon-village.json", sha256="e1cadafa698f88921f0f6d8b249f2cfda4f5d73aaeac148802e47e95adc582d1"
    ),
    SourceFile(
        "light/maps/simple_world.json", sha256="a529d812c39bd4ebcd476f07c701c6bf654e3db3c385f79024655080a248f590"
    ),
    SourceFile(
        "light/maps/thieves-guild.json", sha256="830f9ff17ab5b969cf99d25739bd5050a16759fdc10213800a34f800d3e0cdff"
    ),
)
NAME = "light"
"""The realm's, and the value of `WorldConfig.people`."""

_People = tuple[tuple[Folk, ...], tuple[Site, ...]]


def read_realm(data_dir: Path, check_hash: bool = True, skips: Skips | None = None) -> Realm:
    """All of LIGHT's places and people that are there.

    Args:
      data_dir: holds ``light/environment/`` and, if any, ``light/maps/``.
      check_hash: whether the files have to be the published ones.
      skips: receives rooms, characters and objects that were left out; without it they are logged.

    Raises:
      MissingFileError, DataError: a file of the environment is missing; one is another, broken, or of another shape;
        too few people or places are left.
    """
    own_skips = Skips() if skips is None else skips
    train, dev = (light_environment(file.require(data_dir, check_hash), own_skips) for file in (TRAIN, DEV))
    folk = {f.name.lower() for f in train[0]}
    unseen = _without(dev, folk, set())
    held_out = {f.name.lower() for f in unseen[0]}, {site.name.lower() for site in unseen[1]}
    parts = [train]
    for file in MAPS:
        if file.path(data_dir).is_file():
            parts.append(_without(light_map(file.require(data_dir, check_hash), own_skips), *held_out))
    try:
        realm = Realm(NAME, Part(*_joined(parts)), Part(*unseen))
    except ValueError as error:
        raise DataError(f"{data_dir / 'light'}: {error}. {own_skips.report()}".rstrip()) from error
    if skips is None:
        own_skips.log()
    return realm


def files_digest(data_dir: Path) -> str:
    """What tells one set of files from another: the hashes of all that `read_realm` reads.

    Raises:
      MissingFileError: a file of the environment is missing.
    """
    paths = [file.require(data_dir, check_hash=False) for file in (TRAIN, DEV)]
    paths += [path for file in MAPS if (path := file.path(data_dir)).is_file()]
    return " ".join(map(sha256_of, paths))


def _without(people: _People, folk_names: set[str], site_names: set[str]) -> _People:
    """All but those of some names, in lower case."""
    folk, sites = people
    kept = {old: new for new, old in enumerate(i for i, f in enumerate(folk) if f.name.lower() not in folk_names)}
    return tuple(folk[i] for i in kept), tuple(
        dataclasses.replace(site, folk=tuple(kept[i] for i in site.folk if i in kept))
        for site in sites
        if site.name.lower() not in site_names
    )


def _joined(parts: list[_People]) -> _People:
    folk: tuple[Folk, ...] = ()
    sites: tuple[Site, ...] = ()
    for more, places in parts:
        sites += tuple(dataclasses.replace(site, folk=tuple(i + len(folk) for i in site.folk)) for site in places)
        folk += more
    return folk, sites

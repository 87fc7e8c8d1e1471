"""The built-in world's splits, generated once, kept at ``DATA_DIR/world/<fingerprint>/<split>.jsonl.gz``."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import persona_tf.episode
from persona_tf.data import world
from persona_tf.data.errors import DataError
from persona_tf.data.jsonl import read_episodes, write_episodes
from persona_tf.data.progress import Progress, ProgressLine, to_stderr
from persona_tf.data.source_file import sha256_of
from persona_tf.data.world.config import SPLITS, WorldConfig
from persona_tf.episode import Episode

if TYPE_CHECKING:
    from persona_tf.data.world.realm import Realm

_LOG = logging.getLogger(__name__)


def read_world(
    split: str,
    data_dir: Path,
    *,
    say: Callable[[str], None] = to_stderr,
    **fields: Any,
) -> Iterator[Episode]:
    """Reads a split of the built-in world, generating and keeping it first where it is absent.

    Args:
      split: one of `persona_tf.data.world.config.SPLITS`.
      data_dir: where ``world/`` is kept; when it cannot be written, the split is generated and not kept.
      say: takes the progress lines; they go to standard error without it.
      fields: of WorldConfig; the defaults are the world that figures are reported on.

    Raises:
      DataError: an unknown split or field, or a broken file; or see `people_of`.
    """
    if not callable(say):
        raise DataError(f"world: say must be a function, got {say!r}: it cannot be given on the command line")
    config = world_config(fields)
    path = world_path(split, data_dir, config)
    if not path.is_file():
        try:
            prepare_world(split, data_dir, config, say)
        except OSError as error:
            _LOG.warning("%s cannot be written (%s): generating the split without keeping it", path, error)
            yield from _generate(split, config, people_of(config, data_dir))
            return
    yield from read_episodes(path)


def prepare_world(split: str, data_dir: Path, config: WorldConfig, say: Callable[[str], None] = to_stderr) -> Path:
    """Generates a split and returns its path; does nothing when it is there."""
    path = world_path(split, data_dir, config)
    if not path.is_file():
        progress = ProgressLine(say, f"world {split}", unit="dialogues")
        episodes = _generate(split, config, people_of(config, data_dir))
        write_episodes(path, _counted(episodes, config.size(split), progress))
    return path


def world_path(split: str, data_dir: Path, config: WorldConfig) -> Path:
    """Where a split is kept."""
    if split not in SPLITS:
        raise DataError(f"world: split must be one of {SPLITS}, got {split!r}")
    return data_dir / "world" / fingerprint(config, _of_people(config, data_dir)) / f"{split}.jsonl.gz"


def people_of(config: WorldConfig, data_dir: Path) -> "Realm | None":
    """The people and places that the config names, read from ``data_dir``; None for those that are composed.

    Raises:
      MissingFileError, DataError: see `light_world.read_realm`.
    """
    if not config.people:
        return None
    from persona_tf.data.light_world import read_realm

    return read_realm(data_dir)


def fingerprint(config: WorldConfig, of_people: str = "") -> str:
    """12 hexadecimal digits of all that the world is made from: its config, lexicon, code, and `Episode`.

    ``of_people`` stands for the files that people and places are read from.
    """
    digest = hashlib.sha256(json.dumps(dataclasses.asdict(config), sort_keys=True).encode() + of_people.encode())
    folder = Path(world.__path__[0])
    # No dialogue depends on these two.
    apart = ("difficulty", "meeting")
    files = (f for f in folder.rglob("*") if f.suffix in (".py", ".toml", ".txt", ".json") and f.stem not in apart)
    for file in (Path(persona_tf.episode.__file__), *sorted(files)):
        digest.update(f"\n{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def world_config(fields: Mapping[str, Any]) -> WorldConfig:
    """A WorldConfig from some of its fields.

    Raises:
      DataError: an unknown field, or a value out of bounds.
    """
    for field in dataclasses.fields(WorldConfig):
        value = fields.get(field.name, field.default)
        if type(field.default) is int and type(value) is not int:
            raise DataError(f"world: {field.name} must be a whole number, got {value!r}")
        if type(field.default) is float and type(value) not in (int, float):
            raise DataError(f"world: {field.name} must be a number, got {value!r}")
    try:
        return WorldConfig(**fields)
    except (TypeError, ValueError) as error:
        raise DataError(f"world: {error}") from error


def _of_people(config: WorldConfig, data_dir: Path) -> str:
    if not config.people:
        return ""
    from persona_tf.data import light_environment, light_map, light_parts, light_world

    modules = (light_environment, light_map, light_parts, light_world)
    code = [sha256_of(Path(str(module.__file__))) for module in modules]
    return " ".join([light_world.files_digest(data_dir), *code])


def _generate(split: str, config: WorldConfig, realm: "Realm | None" = None) -> Iterator[Episode]:
    # Imported late: a split that is kept needs no lexicon.
    from persona_tf.data.world.generator import episodes

    return iter(episodes(split, config.size(split), config.seed, config, realm))


def _counted(items: Iterable[Episode], total: int, progress: Progress) -> Iterator[Episode]:
    for count, item in enumerate(items, 1):
        yield item
        progress(count, total)

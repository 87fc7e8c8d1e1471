"""All sources of dialogues by name: SOURCES is the list."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from persona_tf.data import chats, convai2, crd3, dailydialog, light_pickle, light_text, toloka, wow
from persona_tf.data.errors import DataError
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import SourceFile
from persona_tf.data.world.config import SPLITS as WORLD_SPLITS
from persona_tf.data.world.config import WorldConfig
from persona_tf.episode import EMOTES, Episode


@dataclasses.dataclass(frozen=True)
class Source:
    """Where dialogues come from, and how they are read.

    ``read(split, data_dir, **options)`` yields the episodes of a split; ``options`` names what it takes.
    ``files`` are what `prepare` downloads; ``by_hand`` is the place below DATA_DIR of what it cannot. ``sizes`` are
    published numbers of dialogues by split, with the default options. ``emotes``: the labels that `Turn.emote` has.
    """

    name: str
    splits: tuple[str, ...]
    read: Callable[..., Iterator[Episode]]
    about: str
    licence: str
    homepage: str = ""
    files: tuple[SourceFile, ...] = ()
    by_hand: str = ""
    options: tuple[str, ...] = ()
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    emotes: tuple[str, ...] = EMOTES


def _read_world(split: str, data_dir: Path, *, skips: Skips | None = None, **options: Any) -> Iterator[Episode]:
    # The world's own room loads its lexicon when imported.
    from persona_tf.data.world_cache import read_world

    return read_world(split, data_dir, **options)


SOURCES = {
    "world": Source(
        name="world",
        splits=WORLD_SPLITS,
        read=_read_world,
        about="The built-in world: generated dialogues with probes whose right answers are known.",
        licence="that of persona_tf",
        options=("say", *(field.name for field in dataclasses.fields(WorldConfig))),
    ),
    "light": Source(
        name="light",
        splits=light_pickle.SPLITS,
        read=light_pickle.read_light,
        about="LIGHT: people play two characters in a place of a fantasy world, with actions and emotes.",
        licence="MIT",
        homepage="https://parl.ai/projects/light/",
        files=(light_pickle.DIALOGUES, light_pickle.UNSEEN, light_pickle.ENVIRONMENT),
        options=("check_hash", "splits"),
        sizes={"train": 8538, "valid": 500, "test": 1000, "test_unseen": 739},
    ),
    "light_text": Source(
        name="light_text",
        splits=light_text.SPLITS,
        read=light_text.read_light_text,
        about="LIGHT in the text form that other tools write; each dialogue twice, once a speaker.",
        licence="MIT",
        homepage="https://parl.ai/projects/light/",
        by_hand="light_text/train.txt",
        options=("task",),
    ),
    "convai2": Source(
        name="convai2",
        splits=convai2.SPLITS,
        read=convai2.read_convai2,
        about="PersonaChat as prepared for ConvAI2: small talk between two people with a few facts each.",
        licence="CC BY 4.0",
        homepage="https://parl.ai/projects/convai2/",
        files=(convai2.ARCHIVE,),
        options=("persona", "version", "candidates", "learners", "grounding", "states"),
        sizes={"valid": 1000},
    ),
    "toloka": Source(
        name="toloka",
        splits=toloka.SPLITS,
        read=toloka.read_toloka,
        about="Toloka Persona Chat Rus: small talk in Russian between two people with five facts each.",
        licence="not for commercial use; say that the data were obtained using Yandex.Toloka",
        homepage="https://toloka.ai/datasets",
        options=("file", "grounding", "split_by", "states"),
    ),
    "wow": Source(
        name="wow",
        splits=wow.SPLITS,
        read=wow.read_wow,
        about="Wizard of Wikipedia: one of two looks up in Wikipedia what it says.",
        licence="CC BY 4.0",
        homepage="https://parl.ai/projects/wizard_of_wikipedia/",
        files=(wow.ARCHIVE,),
        options=("form", "knowledge", "titles", "negatives"),
        sizes={"train": 18430, "valid_random": 981, "valid_topic": 967, "test_random": 965, "test_topic": 968},
    ),
    "dailydialog": Source(
        name="dailydialog",
        splits=dailydialog.SPLITS,
        read=dailydialog.read_dailydialog,
        about="DailyDialog: everyday talk between two people, with emotions and acts.",
        licence="CC BY-NC-SA 4.0, not for commercial use",
        homepage="http://yanran.li/dailydialog",
        files=(dailydialog.ARCHIVE,),
        options=("emote", "check_hash"),
        sizes={"train": 11118, "valid": 1000, "test": 1000},
        emotes=dailydialog.EMOTIONS + dailydialog.ACTS,
    ),
    "crd3": Source(
        name="crd3",
        splits=crd3.SPLITS,
        read=crd3.read_crd3,
        about="CRD3: what eight people say while they play Dungeons & Dragons, where two of them speak in turn.",
        licence="CC BY-SA 4.0",
        homepage="https://github.com/RevanthRameshkumar/CRD3",
        by_hand=crd3.FILE.name,
        options=("least",),
    ),
    "chats": Source(
        name="chats",
        splits=chats.SPLITS,
        read=chats.read_chats,
        about="Conversations that people had with a bot on the server; `data export-chats FILE` writes them.",
        licence="theirs who had them",
    ),
}
"""Each source by its name, as `persona_tf data VERB SOURCE` takes it."""


def source_named(name: str) -> Source:
    """The source of that name.

    Raises:
      DataError: there is none.
    """
    if name not in SOURCES:
        raise DataError(f"unknown source {name!r}; choose from {', '.join(SOURCES)}")
    return SOURCES[name]


def read_split(
    source_name: str,
    split: str,
    data_dir: Path | str,
    options: Mapping[str, Any] | None = None,
    skips: Skips | None = None,
) -> Iterator[Episode]:
    """The episodes of one split.

    Args:
      source_name: a key of SOURCES.
      split: one of its splits.
      data_dir: DATA_DIR, see `persona_tf.data.source_file.default_data_dir`.
      options: what the reader of that source takes besides, see `Source.options`.
      skips: receives what was left out; without it, that is logged.

    Raises:
      DataError: an unknown source, split or option; or what the reader raises.
    """
    source = source_named(source_name)
    options = options or {}
    if split not in source.splits:
        raise DataError(f"{source_name} has no split {split!r}; choose from {', '.join(source.splits)}")
    unknown = sorted(set(options) - set(source.options))
    if unknown:
        raise DataError(f"{source_name} takes no option {unknown}; it takes {list(source.options)}")
    return source.read(split, Path(data_dir), skips=skips, **options)

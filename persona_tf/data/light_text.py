r"""LIGHT in the text form that other tools write -> Episode.

One example a line, tab-separated ``text:``, ``labels:`` (or ``eval_labels:``), ``label_candidates:`` (joined
by ``|``) and ``episode_done:True``; ``\n`` is written as backslash-n. The text of the first example holds
place, names, persona and objects; later ones only what is new. This module joins the examples of an episode:

    _partner_say Hello there.            Turn(0, "Hello there.")
    _self_act hug animal         ->      Turn(1, "aww", "hug animal")
    labels: aww

The own action and emote of the *current* turn stand in the text after the partner's words: they are what a
bot has to produce, so they move into the target turn and out of all that is shown before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.light_pickle import bare_name
from persona_tf.data.skips import Skips
from persona_tf.data.text_lines import text_lines
from persona_tf.episode import EMOTES, Character, Episode, Fact, Setting, Thing, Turn, sentences

SPLITS = ("train", "valid", "test", "test_unseen")
TASKS = ("speech", "action", "emote")

_FIELDS = {"say": "speech", "act": "action", "emote": "emote"}
_WHO = {"_partner": 0, "_self": 1}
_ABOUT = ("setting_name", "setting_desc", "partner_name", "self_name", "self_persona", "partner_persona")
_ALIASES = {"other_persona": "partner_persona"}
_NAMES = ("text", "labels", "eval_labels", "label_candidates", "episode_done", "id", "reward", "image")
PARTNER, SELF = 0, 1


def read_light_text(
    split: str, data_dir: Path, *, task: str = "speech", skips: Skips | None = None
) -> Iterator[Episode]:
    """Reads ``DATA_DIR/light_text/{task}_{split}.txt``, or ``{split}.txt`` when that is not there.

    The one who answers is speaker 1 and the only learner: the file holds each dialogue twice, once a speaker.

    Args:
      split: ``train``, ``valid``, ``test`` or ``test_unseen``.
      data_dir: holds ``light_text/``.
      task: what the labels are: ``speech``, ``action`` or ``emote``. A ``_task_`` line in the file wins.
      skips: receives bad lines; without it they are logged.

    Raises:
      MissingFileError, DataError: the file is missing, or holds no example.
    """
    own_skips = Skips() if skips is None else skips
    path = light_text_path(data_dir, split, task)
    read = 0
    for episode in parse_light_text(path, own_skips, split, task):
        yield episode
        read += 1
    if not read:
        raise DataError(
            f"{path}: no example with tab-separated `text:` and `labels:`. {own_skips.report()} "
            f"Write the file again with the tool it came from."
        )
    if skips is None:
        own_skips.log()


def light_text_path(data_dir: Path, split: str, task: str = "speech") -> Path:
    """The file of that split which is there.

    Raises:
      DataError: an unknown split or task.
      MissingFileError: none is there.
    """
    for name, value, known in (("split", split, SPLITS), ("task", task, TASKS)):
        if value not in known:
            raise DataError(f"light_text: {name} must be one of {known}, got {value!r}")
    paths = [data_dir / "light_text" / name for name in (f"{task}_{split}.txt", f"{split}.txt")]
    for path in paths:
        if path.is_file():
            return path
    raise MissingFileError(
        f"{paths[0]} (or {paths[1].name} there) is missing. Nobody publishes these files: write them with a "
        f"tool that exports LIGHT as `text:`/`labels:` lines, or take the pickles (`persona_tf data prepare "
        f"light`)."
    )


def parse_light_text(path: Path, skips: Skips, split: str = "", task: str = "speech") -> Iterator[Episode]:
    """The episodes of one file; a bad line is counted in ``skips`` and left out."""
    examples: list[dict[str, str]] = []
    number = 0
    for line_number, line in text_lines(path, skips):
        where = f"{path}:{line_number}"
        example = _fields(line)
        if "text" in example and ("labels" in example or "eval_labels" in example):
            examples.append({**example, "where": where})
        else:
            skips.add(where, f"expected tab-separated text: and labels:, found {line[:40]!r}")
        if example.get("episode_done", "").strip() == "True" and examples:
            yield light_text_episode(examples, f"light_text/{split}/{number}", skips, task)
            examples, number = [], number + 1
    if examples:
        yield light_text_episode(examples, f"light_text/{split}/{number}", skips, task)


def light_text_episode(
    examples: Iterable[Mapping[str, str]], episode_id: str, skips: Skips, task: str = "speech"
) -> Episode:
    """Joins the examples of one episode: dicts with ``text``, ``labels``, perhaps ``label_candidates``."""
    script = _Script(task)
    for number, example in enumerate(examples):
        where = example.get("where", f"{episode_id} example {number}")
        script.read(example["text"], where, skips)
        label = example.get("labels", example.get("eval_labels", ""))
        candidates = tuple(c for c in example.get("label_candidates", "").split("|") if c.strip())
        script.answer(_unpipe(label), tuple(map(_unpipe, candidates)), where, skips)
    return script.episode(episode_id)


class _Script:
    """The episode as far as it has been read. An open turn is a dict of Turn's fields."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.about: dict[str, str] = {}
        self.things: list[Thing] = []
        self.turns: list[dict] = []
        self._answered = 0  # turns[:_answered] lie before the current example

    def read(self, text: str, where: str, skips: Skips) -> None:
        """Takes the lines of one example."""
        current = ""
        events: list[tuple[int, str, str]] = []
        for line in text.split("\n"):
            tag, _, value = line.strip().partition(" ")
            key = _ALIASES.get(tag[1:], tag[1:])
            who, _, kind = tag.rpartition("_")
            if tag.startswith("_task_"):
                self.task = tag.removeprefix("_task_")
            elif tag.startswith("_") and key in _ABOUT:
                self.about[key], current = value.strip(), key
            elif tag == "_object_desc":
                self._thing(value)
            elif who in _WHO and kind in _FIELDS:
                if kind == "emote" and value.strip() not in EMOTES:
                    skips.add(where, f"emote {value.strip()!r} is none of the {len(EMOTES)}")
                else:
                    events.append((_WHO[who], _FIELDS[kind], value.strip()))
            elif tag.startswith("_"):
                skips.add(where, f"unknown tag {tag[:40]!r}")
            elif tag and events:
                # Speech with a line break in it goes on.
                events[-1] = (*events[-1][:2], f"{events[-1][2]} {line.strip()}")
            elif tag and current:
                self.about[current] += f" {line.strip()}"
        self._replay(events)

    def answer(self, label: str, candidates: tuple[str, ...], where: str, skips: Skips) -> None:
        """Puts the label of the example into the current own turn."""
        field = self.task if self.task in TASKS else "speech"
        if field == "emote" and label.strip() not in ("", *EMOTES):
            skips.add(where, f"emote {label.strip()!r} is none of the {len(EMOTES)}")
            label = ""
        turn = self.turns[-1] if len(self.turns) > self._answered else None
        if turn is None or turn["speaker"] != SELF or turn.get(field, label.strip()) != label.strip():
            turn = {"speaker": SELF}
            self.turns.append(turn)
        turn[field] = label.strip()
        if field == "speech":
            turn["candidates"] = candidates
        elif field == "action":
            turn["available_actions"] = candidates
        self._answered = len(self.turns)

    def episode(self, episode_id: str) -> Episode:
        said = {key: self.about.get(key, "") for key in _ABOUT}
        characters = tuple(
            Character(said[f"{who}_name"], tuple(Fact(s) for s in sentences(said[f"{who}_persona"])))
            for who in ("partner", "self")
        )
        turns = (Turn(**turn) for turn in self.turns if any(turn.get(field) for field in _FIELDS.values()))
        return Episode(
            episode_id,
            "light_text",
            self._setting(said),
            (characters[0], characters[1]),
            tuple(turns),
            (SELF,),
        )

    def _setting(self, said: Mapping[str, str]) -> Setting | None:
        name, _, category = said["setting_name"].rpartition(", ")
        if not name:
            name, category = category, ""
        speakers = {bare_name(said["partner_name"]), bare_name(said["self_name"])}
        # Descriptions of the two themselves stand among those of the objects: they are no objects.
        objects = tuple(t for t in self.things if bare_name(t.name) not in speakers)
        prose = sentences(said["setting_desc"])
        return Setting(name, category, prose, objects) if name or prose or objects else None

    def _thing(self, value: str) -> None:
        name, _, description = value.partition(" : ")
        if name.strip():
            self.things.append(Thing(name.strip(), description.strip()))

    def _replay(self, events: list[tuple[int, str, str]]) -> None:
        """Makes turns of one example's lines; own ones before the partner's complete the last own turn."""
        first_partner = next((i for i, event in enumerate(events) if event[0] == PARTNER), None)
        for i, (who, field, text) in enumerate(events):
            last = self.turns[-1] if self.turns else None
            if last is not None and last["speaker"] == who:
                if last.get(field) == text:
                    continue
                # Without partner's words in between, an own action that is not known yet may be the current
                # one: to show it as past would leak the target, so it opens the current turn.
                old = len(self.turns) <= self._answered and (first_partner is None or i > first_partner)
                if field not in last and not old:
                    last[field] = text
                    continue
            self.turns.append({"speaker": who, field: text})


def _fields(line: str) -> dict[str, str]:
    """The fields of a line; a part after a tab that names no field belongs to the field before it."""
    fields: dict[str, str] = {}
    name = ""
    for part in line.split("\t"):
        start, colon, value = part.partition(":")
        if colon and start.strip() in _NAMES:
            name = start.strip()
            fields[name] = value.replace("\\n", "\n")
        elif name:
            fields[name] += " " + part.replace("\\n", "\n")
    return fields


def _unpipe(text: str) -> str:
    return text.replace("__PIPE__", "|").strip()

"""Episode -> Example -> the named strings that the Packer takes.

The one place where training, evaluation and talking agree on what a bot is shown: which knowledge items
it has, what the history holds, what it has to say. Pure Python; knows no ids, tensors or files.
"""

import dataclasses
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from persona_tf.episode import EMOTES, KEY_KINDS, Aside, Character, Episode, Probe, Thing, Turn

NO_EMOTE = "none"
EMOTE_LABELS = (NO_EMOTE, *EMOTES)
"""The classes of the emote head; a label is an index into this tuple."""

SELF, PARTNER = 0, 1

CHARACTERS_A_TOKEN = 2.5
"""For estimates: rather too few, so that what seems to fit does. Of the built-in world with 4,000 ids it is 3.0, in no
eight turns in a row below 2.6; of PersonaChat 3.5."""


@dataclasses.dataclass(frozen=True)
class ExampleConfig:
    """What a bot is shown, and what it learns to say.

    ``kinds`` names the kinds of knowledge item that are shown (ablations leave some out). By default all but the
    partner's persona, which one does not know of a stranger.
    ``learn_action`` and ``learn_emote``: whether the source has these labels at all.
    ``max_targets``: longer dialogues become several examples of at most so many targets.
    ``history_tokens``: what the Packer keeps of a history, so that no example spans more; that of TextConfig is
    filled in. 0: not known.
    """

    kinds: tuple[str, ...] = tuple(kind for kind in KEY_KINDS if kind != "partner_persona")
    learn_action: bool = True
    learn_emote: bool = True
    max_targets: int = 8
    history_tokens: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KEY_KINDS))
        if unknown:
            raise ValueError(f"ExampleConfig.kinds: unknown {unknown}; choose from {list(KEY_KINDS)}")
        if self.max_targets < 1:
            raise ValueError(f"ExampleConfig.max_targets must be at least 1, got {self.max_targets}")
        if self.history_tokens < 0:
            raise ValueError(f"ExampleConfig.history_tokens must not be negative, got {self.history_tokens}")


@dataclasses.dataclass(frozen=True)
class Item:
    """One knowledge item: its key inside the episode (``persona/2``), its kind and its text."""

    key: str
    kind: str
    text: str


@dataclasses.dataclass(frozen=True)
class HistoryTurn:
    """A turn as the bot sees it; ``who`` is SELF or PARTNER, ``turn`` its index in the episode.

    ``aside``: 0, or the number of the aside whose question it is: only that one's target sees it.
    """

    who: int
    turn: int
    speech: str
    action: str
    emote: str
    aside: int = 0


@dataclasses.dataclass(frozen=True)
class Target:
    """What the bot has to answer at ``turn``: it sees the history before that turn, and all items.

    ``gold`` indexes `Example.items`, ``gold_turns`` holds the turns it draws on, as indices into the episode.
    ``action`` "" means none. ``aside``: 0, or the number of the aside that it answers: it sees that one's question
    in place of what was said there.
    """

    turn: int
    reply: str
    action: str = ""
    emote: str = NO_EMOTE
    available_actions: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    gold: tuple[int, ...] = ()
    gold_turns: tuple[int, ...] = ()
    grounding: tuple[str, ...] = ()
    probe: Probe | None = None
    aside: int = 0


@dataclasses.dataclass(frozen=True)
class Example:
    """A stretch of one dialogue as one of its characters lives it; several targets share its encodings."""

    id: str
    items: tuple[Item, ...]
    history: tuple[HistoryTurn, ...]
    targets: tuple[Target, ...]


def examples(episode: Episode, config: ExampleConfig, with_asides: bool = False) -> Iterator[Example]:
    """One example or more for each learner of the episode.

    ``with_asides``: for training. They share the examples of what was said, and come on top of `max_targets` and
    `history_tokens`; where an example has one target, each has its own.

    >>> from persona_tf.episode import Turn, Character, Fact
    >>> bot = Character("Mira", (Fact("I bake bread."),))
    >>> talk = (Turn(0, "Good day!"), Turn(1, "Fresh bread, friend?", emote="smile"))
    >>> episode = Episode("e1", "demo", None, (Character("Tam"), bot), talk, learners=(1,))
    >>> [example] = examples(episode, ExampleConfig())
    >>> sorted(item.text for item in example.items), example.targets[0].reply
    (['I bake bread.', 'Mira', 'Tam'], 'Fresh bread, friend?')
    """
    for learner in episode.learners:
        items = knowledge_items(episode, learner, config)
        asides = [aside for aside in episode.asides if with_asides and aside.answer.speaker == learner]
        name, done = f"{episode.id}:{learner}", -1
        for window in _windows(episode.turns, learner, config):
            history = history_turns(episode.turns[: window[-1]], learner)
            targets = tuple(_target(episode.turns[i], i, items) for i in window)
            here = [aside for aside in asides if done < aside.at <= window[-1]]
            if config.max_targets > 1:
                asked, answered = _beside(here, learner, items)
                yield Example(name, items, history + asked, targets + answered)
            else:
                yield Example(name, items, history, targets)
                yield from (_as_if_asked(aside, episode, learner, name, items) for aside in here)
            done = window[-1]


def knowledge_items(episode: Episode, learner: int, config: ExampleConfig) -> tuple[Item, ...]:
    """All that the learner knows, in an order seeded by the episode's id, so that no place in it means anything."""
    own, partner = episode.characters[learner], episode.characters[1 - learner]
    setting = episode.setting
    texts: dict[str, list[str]] = {
        "self_name": [own.name] if own.name else [],
        "partner_name": [partner.name] if partner.name else [],
        "persona": [fact.text for fact in own.facts],
        "partner_persona": [fact.text for fact in partner.facts],
        **_possessions(own),
    }
    if setting is not None:
        name = f"{setting.name}, {setting.category}" if setting.category else setting.name
        texts |= {
            "setting_name": [name],
            "setting_description": list(setting.description),
            "object": [_thing(thing) for thing in setting.objects],
            "present": list(setting.present),
        }
    items = [
        Item(f"{kind}/{i}", kind, text) for kind in config.kinds for i, text in enumerate(texts.get(kind, ())) if text
    ]
    random.Random(f"items of {episode.id}").shuffle(items)
    return tuple(items)


def history_turns(turns: Sequence[Turn], learner: int) -> tuple[HistoryTurn, ...]:
    """The turns in which anything was said, done or shown, as the learner sees them."""
    return tuple(
        HistoryTurn(SELF if turn.speaker == learner else PARTNER, i, turn.speech, turn.action, turn.emote)
        for i, turn in enumerate(turns)
        if _says_something(turn)
    )


@dataclasses.dataclass(frozen=True)
class Strings:
    """A batch of examples as flat lists and row lengths: what the Packer takes.

    Rows: ``items_per_example``, ``turns_per_example``, ``targets_per_example`` ([B] each) cut the flat lists.
    ``history_number`` and ``target_number`` count turns from the start of the conversation; ``history_aside`` and
    ``target_aside`` number the asides of a row from 1, 0 for what was said.
    Labels: ``target_emote`` indexes EMOTE_LABELS; ``target_value`` is the probe's, or ""; ``gold`` holds triples (flat
    target index, item or -1, turn or -1).
    """

    items_per_example: list[int]
    knowledge_text: list[str]
    knowledge_kind: list[int]
    turns_per_example: list[int]
    history_who: list[int]
    history_number: list[int]
    history_aside: list[int]
    history_speech: list[str]
    history_action: list[str]
    history_emote: list[str]
    targets_per_example: list[int]
    target_number: list[int]
    target_aside: list[int]
    target_reply: list[str]
    target_action: list[str]
    target_value: list[str]
    target_emote: list[int]
    gold: list[tuple[int, int, int]]


def strings(batch: Iterable[Example]) -> Strings:
    """Flattens examples for the Packer; see `Strings`."""
    out = Strings(*([] for _ in dataclasses.fields(Strings)))
    for example in batch:
        out.items_per_example.append(len(example.items))
        out.knowledge_text.extend(item.text for item in example.items)
        out.knowledge_kind.extend(KEY_KINDS.index(item.kind) for item in example.items)
        out.turns_per_example.append(len(example.history))
        for turn in example.history:
            out.history_who.append(turn.who)
            out.history_number.append(turn.turn)
            out.history_aside.append(turn.aside)
            out.history_speech.append(turn.speech)
            out.history_action.append(turn.action)
            out.history_emote.append(turn.emote)
        out.targets_per_example.append(len(example.targets))
        for target in example.targets:
            out.gold.extend((len(out.target_number), item, -1) for item in target.gold)
            out.gold.extend((len(out.target_number), -1, turn) for turn in target.gold_turns)
            out.target_number.append(target.turn)
            out.target_aside.append(target.aside)
            out.target_reply.append(target.reply)
            out.target_action.append(target.action)
            out.target_value.append(target.probe.value if target.probe else "")
            out.target_emote.append(EMOTE_LABELS.index(target.emote))
    return out


def _windows(turns: Sequence[Turn], learner: int, config: ExampleConfig) -> Iterator[list[int]]:
    """The learner's turns, as indices, cut into those that share an example.

    Of a history that is too long the Packer drops the oldest turns, counted from the last target: the first one must
    not lose what was said just before it. So where a history does not fit, targets that share it lie at most half of
    what is kept apart. Tokens are estimated from characters.
    """
    room = config.history_tokens * CHARACTERS_A_TOKEN
    before = [0, *itertools.accumulate(len(turn.speech) + len(turn.action) + len(turn.emote) for turn in turns)]
    window: list[int] = []
    for i, turn in enumerate(turns):
        if turn.speaker != learner or not _says_something(turn):
            continue
        too_long = room and window and before[i] > room and before[i] - before[window[0]] > room // 2
        if too_long or len(window) == config.max_targets:
            yield window
            window = []
        window.append(i)
    if window:
        yield window


def _beside(
    asides: Sequence[Aside], learner: int, items: tuple[Item, ...]
) -> tuple[tuple[HistoryTurn, ...], tuple[Target, ...]]:
    """What is said in asides, and the targets that answer it, numbered from 1."""
    asked, answered = [], []
    for number, aside in enumerate(asides, 1):
        for turn in history_turns([aside.question], learner):
            asked.append(dataclasses.replace(turn, turn=aside.at, aside=number))
        answered.append(dataclasses.replace(_target(aside.answer, aside.at + 1, items), aside=number))
    return tuple(asked), tuple(answered)


def _as_if_asked(aside: Aside, episode: Episode, learner: int, name: str, items: tuple[Item, ...]) -> Example:
    """An aside as the end of a dialogue of its own."""
    history = history_turns((*episode.turns[: aside.at], aside.question), learner)
    return Example(name, items, history, (_target(aside.answer, aside.at + 1, items),))


def _says_something(turn: Turn) -> bool:
    return bool(turn.speech or turn.action or turn.emote)


def _target(turn: Turn, index: int, items: tuple[Item, ...]) -> Target:
    wanted = set(turn.grounding)
    return Target(
        turn=index,
        reply=turn.speech,
        action=turn.action,
        emote=turn.emote or NO_EMOTE,
        available_actions=turn.available_actions,
        candidates=turn.candidates,
        gold=tuple(i for i, item in enumerate(items) if item.key in wanted),
        gold_turns=tuple(int(key.removeprefix("turn/")) for key in turn.grounding if key.startswith("turn/")),
        grounding=turn.grounding,
        probe=turn.probe,
    )


def _possessions(character: Character) -> Mapping[str, list[str]]:
    return {kind: [_thing(t) for t in getattr(character, kind)] for kind in ("carrying", "wearing", "wielding")}


def _thing(thing: Thing) -> str:
    return f"{thing.name} : {thing.description}" if thing.description else thing.name

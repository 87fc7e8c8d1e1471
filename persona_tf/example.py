"""Episode -> Example -> the named strings that the Packer takes.

The one place where training, evaluation and talking agree on what a bot is shown: which knowledge items
it has, what the history holds, what it has to say. Pure Python; knows no ids, tensors or files.
"""

import dataclasses
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from persona_tf.episode import EMOTES, KEY_KINDS, WORLD, Aside, Character, Episode, Fact, Probe, Thing, Turn

NO_EMOTE = "none"
EMOTE_LABELS = (NO_EMOTE, *EMOTES)
"""The classes of the emote head; a label is an index into this tuple."""

SELF, PARTNER = 0, 1

TASKS = ("reply", "extract", "invent")
"""What a target can be: a reply; the facts that the last turn states; or a fact that could answer it, made up."""

OWNERS = ("self", "partner", "world")
"""Whose a fact is, as the bot sees it."""

TOLD: Mapping[str, str] = {
    "self_name": "My name is {}.",
    "partner_name": "Your name is {}.",
    "persona": "{}",
    "partner_persona": "Of you I know: {}",
    "setting_name": "We are here: {}.",
    "setting_description": "{}",
    "object": "Here is {}",
    "present": "Also here: {}",
    "carrying": "I carry {}",
    "wearing": "I wear {}",
    "wielding": "I hold {}",
}
"""How an item of each kind is told as a turn: as text it has no kind but what its words say."""

CHARACTERS_A_TOKEN = 2.5
"""For estimates: rather too few, so that what seems to fit does. Of the built-in world with 4,000 ids it is 3.0, in no
eight turns in a row below 2.6; of PersonaChat 3.5."""


@dataclasses.dataclass(frozen=True)
class ExampleConfig:
    """What a bot is shown, and what it learns to say.

    ``kinds`` names the kinds of knowledge item that are shown (ablations leave some out). By default all but the
    partner's persona, which one does not know of a stranger.
    ``learn_action`` and ``learn_emote``: whether the source has these labels at all. The head of emotes has LIGHT's 22:
    with the labels of another source `examples` says so, and without ``learn_emote`` no target has them.
    ``learn_facts``: whether it learns to write down the facts that turns state, and to make some up; the source then
    needs the option ``states``.
    ``max_targets``: longer dialogues become several examples of at most so many targets.
    ``history_tokens``: what the Packer keeps of a history, so that no example spans more; that of TextConfig is
    filled in. 0: not known.
    ``knowledge_as_history``: whether knowledge items are turns of the bot's own at the beginning of the history, see
    `lay_out`. They are never dropped from it and take no room of what was said, so all else stays the same.
    """

    kinds: tuple[str, ...] = tuple(kind for kind in KEY_KINDS if kind != "partner_persona")
    learn_action: bool = True
    learn_emote: bool = True
    learn_facts: bool = False
    max_targets: int = 8
    history_tokens: int = 0
    knowledge_as_history: bool = False

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

    ``aside``: 0, or the number of the aside whose question it is: only that one's target sees it. ``item``: None, or
    the knowledge item that is told here; ``turn`` is negative then, as nobody said it in the episode.
    """

    who: int
    turn: int
    speech: str
    action: str
    emote: str
    aside: int = 0
    item: Item | None = None

    @property
    def key(self) -> str:
        """``turn/5``, or the key of the item that is told."""
        return self.item.key if self.item else f"turn/{self.turn}"


@dataclasses.dataclass(frozen=True)
class OwnedFact:
    """A sentence and whose it is, one of `OWNERS`; ``value`` is the part that tells it, where that is known."""

    owner: str
    text: str
    value: str = ""


@dataclasses.dataclass(frozen=True)
class Target:
    """What the bot has to answer at ``turn``: it sees the history before that turn, and all items.

    ``gold`` indexes `Example.items`, ``gold_turns`` holds the turns it draws on, numbered as `HistoryTurn.turn`.
    ``action`` "" means none. ``aside``: 0, or the number of the aside that it answers: it sees that one's question
    in place of what was said there. ``task``: one of `TASKS`; but for replies, ``facts`` are all that is to be written.
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
    task: str = "reply"
    facts: tuple[OwnedFact, ...] = ()


@dataclasses.dataclass(frozen=True)
class Example:
    """A stretch of one dialogue as one of its characters lives it; several targets share its encodings.

    ``told``: how many turns at the beginning tell knowledge items; features count turns from the first of these.
    """

    id: str
    items: tuple[Item, ...]
    history: tuple[HistoryTurn, ...]
    targets: tuple[Target, ...]
    told: int = 0

    @property
    def episode_id(self) -> str:
        """The id of the episode that it is a stretch of: that of the example without the learner."""
        return self.id.rpartition(":")[0]

    @property
    def knowledge(self) -> tuple[Item, ...]:
        """All knowledge items, also those that are told in the history."""
        return self.items + tuple(turn.item for turn in self.history if turn.item)

    def turn_key(self, number: int) -> str:
        """The key of a turn by its number in the features less 1; ``turn/-1`` for one before all."""
        return self.history[number].key if 0 <= number < self.told else f"turn/{max(number - self.told, -1)}"


def examples(
    episode: Episode, config: ExampleConfig, with_asides: bool = False, with_facts: bool = False
) -> Iterator[Example]:
    """One example or more for each learner of the episode.

    ``with_asides``: for training. They share the examples of what was said, and come on top of `max_targets` and
    `history_tokens`; where an example has one target, each has its own. ``with_facts``: if the config says that facts
    are learned, their targets (see `fact_targets`) come after the replies, on top of `max_targets`.

    Raises:
      ValueError: a target has an emote that the head does not know.

    >>> from persona_tf.episode import Turn, Character, Fact
    >>> bot = Character("Mira", (Fact("I bake bread."),))
    >>> talk = (Turn(0, "Good day!"), Turn(1, "Fresh bread, friend?", emote="smile"))
    >>> episode = Episode("e1", "demo", None, (Character("Tam"), bot), talk, learners=(1,))
    >>> [example] = examples(episode, ExampleConfig())
    >>> sorted(item.text for item in example.items), example.targets[0].reply
    (['I bake bread.', 'Mira', 'Tam'], 'Fresh bread, friend?')
    """
    for learner in episode.learners:
        everything = knowledge_items(episode, learner, config)
        asides = [aside for aside in episode.asides if with_asides and aside.answer.speaker == learner]
        name, done = f"{episode.id}:{learner}", -1
        for window in _windows(episode.turns, learner, config):
            items = known_items(everything, episode.turns[window[0]])
            history = history_turns(episode.turns[: window[-1]], learner)
            targets = tuple(_target(episode.turns[i], i, items, config) for i in window)
            here = [aside for aside in asides if done < aside.at <= window[-1]]
            learns = with_facts and config.learn_facts
            facts = fact_targets(episode, learner, done, window[-1]) if learns else ()
            if config.max_targets > 1:
                asked, answered = _beside(here, learner, items, config)
                facts += _facts_beside(episode, learner, here) if learns else ()
                yield lay_out(Example(name, items, history + asked, targets + answered + facts), config)
            else:
                yield lay_out(Example(name, items, history, targets + facts), config)
                yield from (
                    lay_out(_as_if_asked(aside, episode, learner, name, items, config), config) for aside in here
                )
            done = window[-1]


def fact_targets(episode: Episode, learner: int, done: int, last: int) -> tuple[Target, ...]:
    """What the learner can write down and make up for its turns after number ``done`` (-1: all) up to ``last``.

    It reads what was heard from ``done`` on and before ``last``, where the speaker has facts at all: of others nothing
    is known. Making up is asked for wherever a question with a known answer was; nothing is to be written but where the
    speaker lacks a fact of its own.

    >>> from persona_tf.episode import Character, Fact, Statement, Turn
    >>> bot, you = Character("Mira", (Fact("I bake bread."),)), Character("Tam", (Fact("I am a guard."),))
    >>> said = Turn(0, "They call me Tam.", states=(Statement(0, Fact("My name is Tam.", "own_name", "Tam")),))
    >>> episode = Episode("e1", "demo", None, (you, bot), (said, Turn(1, "Well met.")), learners=(1,))
    >>> [target] = fact_targets(episode, 1, -1, 1)
    >>> target.turn, target.task, target.facts
    (1, 'extract', (OwnedFact(owner='partner', text='My name is Tam.', value='Tam'),))
    """
    said = list(enumerate(episode.turns[: last + 1]))
    read = (_extraction(episode, learner, turn, i + 1) for i, turn in said[max(done, 0) : -1])
    made_up = (_invention(turn, i) for i, turn in said[done + 1 :] if turn.speaker == learner)
    return tuple(target for target in (*read, *made_up) if target)


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


def known_items(items: tuple[Item, ...], turn: Turn) -> tuple[Item, ...]:
    """Those of the items that the speaker has to hand at a turn, see `Turn.knows`.

    >>> items = tuple(Item(key, key[:-2], "") for key in ("persona/0", "object/0", "object/1"))
    >>> [item.key for item in known_items(items, Turn(0, knows=("object/1",)))]
    ['persona/0', 'object/1']
    """
    if not turn.knows:
        return items
    known, kinds = set(turn.knows), {key.partition("/")[0] for key in turn.knows}
    return tuple(item for item in items if item.key in known or item.kind not in kinds)


def history_turns(turns: Sequence[Turn], learner: int) -> tuple[HistoryTurn, ...]:
    """The turns in which anything was said, done or shown, as the learner sees them."""
    return tuple(
        HistoryTurn(SELF if turn.speaker == learner else PARTNER, i, turn.speech, turn.action, turn.emote)
        for i, turn in enumerate(turns)
        if _says_something(turn)
    )


def lay_out(example: Example, config: ExampleConfig) -> Example:
    """Puts knowledge items where the config wants them: with `knowledge_as_history`, into the history, as text.

    Each becomes a turn of the bot's own before all that was said, in the order of the items and with words that say
    of which kind it is (`TOLD`); gold items become gold turns.

    >>> plain = Example("e", (Item("self_name/0", "self_name", "Mira"),), (), (Target(0, "Mira.", gold=(0,)),))
    >>> laid_out = lay_out(plain, ExampleConfig(knowledge_as_history=True))
    >>> laid_out.items, laid_out.history[0].speech, laid_out.history[0].turn, laid_out.targets[0].gold_turns
    ((), 'My name is Mira.', -1, (-1,))
    """
    if not config.knowledge_as_history:
        return example
    count = len(example.items)
    told = tuple(_told(item, number - count) for number, item in enumerate(example.items))
    targets = tuple(
        dataclasses.replace(t, gold=(), gold_turns=(*(item - count for item in t.gold), *t.gold_turns))
        for t in example.targets
    )
    return dataclasses.replace(example, items=(), history=told + example.history, targets=targets, told=count)


def replies_alone(example: Example) -> Example:
    """The example without its targets of facts."""
    return dataclasses.replace(example, targets=tuple(t for t in example.targets if t.task == "reply"))


def with_texts(example: Example, texts: Mapping[str, str]) -> Example:
    """The example with other texts at some keys, of knowledge items (wherever they stand) or turns."""
    items = tuple(dataclasses.replace(item, text=texts.get(item.key, item.text)) for item in example.items)
    history = tuple(_with_text(turn, texts[turn.key]) if turn.key in texts else turn for turn in example.history)
    return dataclasses.replace(example, items=items, history=history)


@dataclasses.dataclass(frozen=True)
class Strings:
    """A batch of examples as flat lists and row lengths: what the Packer takes.

    Rows: ``items_per_example``, ``turns_per_example``, ``targets_per_example`` ([B] each) cut the flat lists;
    ``told_per_example`` turns at the beginning of each row tell knowledge items.
    ``history_number`` and ``target_number`` count turns from the first of the row; ``history_aside`` and
    ``target_aside`` number the asides of a row from 1, 0 for what was said.
    ``target_task`` indexes TASKS, ``fact_owner`` OWNERS; ``facts_per_target`` cuts the lists of facts.
    Labels: ``target_emote`` indexes EMOTE_LABELS; ``target_value`` is the probe's, or ""; ``gold`` holds triples (flat
    target index, item or -1, turn or -1).
    """

    items_per_example: list[int]
    knowledge_text: list[str]
    knowledge_kind: list[int]
    turns_per_example: list[int]
    told_per_example: list[int]
    history_who: list[int]
    history_number: list[int]
    history_aside: list[int]
    history_speech: list[str]
    history_action: list[str]
    history_emote: list[str]
    targets_per_example: list[int]
    target_number: list[int]
    target_aside: list[int]
    target_task: list[int]
    target_reply: list[str]
    target_action: list[str]
    target_value: list[str]
    target_emote: list[int]
    facts_per_target: list[int]
    fact_owner: list[int]
    fact_text: list[str]
    gold: list[tuple[int, int, int]]


def strings(batch: Iterable[Example]) -> Strings:
    """Flattens examples for the Packer; see `Strings`."""
    out = Strings(*([] for _ in dataclasses.fields(Strings)))
    for example in batch:
        out.items_per_example.append(len(example.items))
        out.knowledge_text.extend(item.text for item in example.items)
        out.knowledge_kind.extend(KEY_KINDS.index(item.kind) for item in example.items)
        out.turns_per_example.append(len(example.history))
        out.told_per_example.append(sum(turn.item is not None for turn in example.history))
        for turn in example.history:
            out.history_who.append(turn.who)
            out.history_number.append(turn.turn + example.told)
            out.history_aside.append(turn.aside)
            out.history_speech.append(turn.speech)
            out.history_action.append(turn.action)
            out.history_emote.append(turn.emote)
        out.targets_per_example.append(len(example.targets))
        for target in example.targets:
            out.gold.extend((len(out.target_number), item, -1) for item in target.gold)
            out.gold.extend((len(out.target_number), -1, turn + example.told) for turn in target.gold_turns)
            out.target_number.append(target.turn + example.told)
            out.target_aside.append(target.aside)
            out.target_task.append(TASKS.index(target.task))
            out.target_reply.append(target.reply)
            out.target_action.append(target.action)
            out.target_value.append(target.probe.value if target.probe else "")
            out.target_emote.append(EMOTE_LABELS.index(target.emote))
            out.facts_per_target.append(len(target.facts))
            out.fact_owner.extend(OWNERS.index(fact.owner) for fact in target.facts)
            out.fact_text.extend(fact.text for fact in target.facts)
    return out


def _windows(turns: Sequence[Turn], learner: int, config: ExampleConfig) -> Iterator[list[int]]:
    """The learner's turns, as indices, cut into those that share an example.

    Of a history that is too long the Packer drops the oldest turns, counted from the last target: the first one must
    not lose what was said just before it. So where a history does not fit, targets that share it lie at most half of
    what is kept apart. Tokens are estimated from characters. Targets that know different things share no example.
    """
    room = config.history_tokens * CHARACTERS_A_TOKEN
    before = [0, *itertools.accumulate(len(turn.speech) + len(turn.action) + len(turn.emote) for turn in turns)]
    window: list[int] = []
    for i, turn in enumerate(turns):
        if turn.speaker != learner or not _says_something(turn):
            continue
        too_long = room and window and before[i] > room and before[i] - before[window[0]] > room // 2
        knows_another = window and turns[window[0]].knows != turn.knows
        if too_long or knows_another or len(window) == config.max_targets:
            yield window
            window = []
        window.append(i)
    if window:
        yield window


def _beside(
    asides: Sequence[Aside], learner: int, items: tuple[Item, ...], config: ExampleConfig
) -> tuple[tuple[HistoryTurn, ...], tuple[Target, ...]]:
    """What is said in asides, and the targets that answer it, numbered from 1."""
    asked, answered = [], []
    for number, aside in enumerate(asides, 1):
        for turn in history_turns([aside.question], learner):
            asked.append(dataclasses.replace(turn, turn=aside.at, aside=number))
        answered.append(dataclasses.replace(_target(aside.answer, aside.at + 1, items, config), aside=number))
    return tuple(asked), tuple(answered)


def _facts_beside(episode: Episode, learner: int, asides: Sequence[Aside]) -> tuple[Target, ...]:
    """The same of what is asked aside."""
    found = []
    for number, aside in enumerate(asides, 1):
        at = aside.at + 1
        targets = _extraction(episode, learner, aside.question, at), _invention(aside.answer, at)
        found += [dataclasses.replace(target, aside=number) for target in targets if target]
    return tuple(found)


def _extraction(episode: Episode, learner: int, turn: Turn, seen_from: int) -> Target | None:
    if not _says_something(turn) or not episode.characters[turn.speaker].facts:
        return None
    names = {learner: OWNERS[SELF], WORLD: OWNERS[-1]}
    facts = tuple(_owned(names.get(state.owner, OWNERS[PARTNER]), state.fact) for state in turn.states)
    return Target(seen_from, "", task="extract", facts=facts)


def _invention(turn: Turn, at: int) -> Target | None:
    if turn.probe is None:
        return None
    facts = (_owned(OWNERS[SELF], turn.could_state),) if turn.could_state else ()
    return Target(at, "", task="invent", facts=facts)


def _owned(owner: str, fact: Fact) -> OwnedFact:
    return OwnedFact(owner, fact.text, fact.value)


def _as_if_asked(
    aside: Aside, episode: Episode, learner: int, name: str, items: tuple[Item, ...], config: ExampleConfig
) -> Example:
    """An aside as the end of a dialogue of its own."""
    history = history_turns((*episode.turns[: aside.at], aside.question), learner)
    return Example(name, items, history, (_target(aside.answer, aside.at + 1, items, config),))


def _told(item: Item, turn: int) -> HistoryTurn:
    return HistoryTurn(SELF, turn, TOLD[item.kind].format(item.text), "", "", item=item)


def _with_text(turn: HistoryTurn, text: str) -> HistoryTurn:
    if turn.item is None:
        return dataclasses.replace(turn, speech=text)
    return _told(dataclasses.replace(turn.item, text=text), turn.turn)


def _says_something(turn: Turn) -> bool:
    return bool(turn.speech or turn.action or turn.emote)


def _target(turn: Turn, index: int, items: tuple[Item, ...], config: ExampleConfig) -> Target:
    emote = turn.emote or NO_EMOTE
    if emote not in EMOTE_LABELS:
        if config.learn_emote:
            raise ValueError(
                f"turn {index}: the emote {emote!r} is none of the labels that the emote head knows "
                f"({', '.join(EMOTE_LABELS)}). Set ExampleConfig.learn_emote = False, or have the source leave its "
                f"labels out, as DataConfig.options = {{'emote': 'none'}} does for dailydialog"
            )
        emote = NO_EMOTE
    wanted = set(turn.grounding)
    return Target(
        turn=index,
        reply=turn.speech,
        action=turn.action,
        emote=emote,
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

"""Example -> the named strings that the Packer takes: what a bot is shown, and what it learns to say.

Pure Python; knows no ids, tensors or files. `persona_tf.learner` makes examples of episodes.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from persona_tf.episode import EMOTES, KEY_KINDS, Probe

NO_EMOTE = "none"
EMOTE_LABELS = (NO_EMOTE, *EMOTES)
"""The classes of an emote head for LIGHT and the built-in world; a label is an index into this tuple."""

SELF, PARTNER, KNOWN = 0, 1, 2
"""Who a turn is of: the bot, its partner, or nobody, as it is a tagged knowledge item, see `lay_out`."""

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


@dataclasses.dataclass(frozen=True)
class ExampleConfig:
    """What a bot is shown, and what it learns to say.

    ``kinds`` names the kinds of knowledge item that are shown (ablations leave some out). By default all but the
    partner's persona, which one does not know of a stranger.
    ``learn_action`` and ``learn_emote``: whether the source has these labels at all. ``emotes``: those of the source
    that the head of emotes has, beside "none"; with others `examples` says so, and without ``learn_emote`` no target
    has any.
    ``learn_facts``: whether it learns to write down the facts that turns state, and to make some up; the source then
    needs the option ``states``.
    ``max_targets``: longer dialogues become several examples of at most so many targets.
    ``history_tokens``: what the Packer keeps of a history, so that no example spans more; that of TextConfig is
    filled in. 0: not known.
    ``knowledge_as_history``: whether knowledge items are turns of the bot's own at the beginning of the history, see
    `lay_out`. They are never dropped from it and take no room of what was said, so all else stays the same.
    ``knowledge_tags``: whether these turns begin with a mark of their own in the place of the bot's, as in
    ``[Gk] fact [Px] ... [Py] ...``: an id that no text is ever turned into, so that nobody can type a fact.
    """

    kinds: tuple[str, ...] = tuple(kind for kind in KEY_KINDS if kind != "partner_persona")
    learn_action: bool = True
    learn_emote: bool = True
    emotes: tuple[str, ...] = EMOTES
    learn_facts: bool = False
    max_targets: int = 8
    history_tokens: int = 0
    knowledge_as_history: bool = False
    knowledge_tags: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KEY_KINDS))
        if unknown:
            raise ValueError(f"ExampleConfig.kinds: unknown {unknown}; choose from {list(KEY_KINDS)}")
        if not self.emotes or len(set(self.emote_labels)) < len(self.emote_labels):
            raise ValueError(
                f"ExampleConfig.emotes: expected different labels, and {NO_EMOTE!r} none of them, got {self.emotes}"
            )
        if self.max_targets < 1:
            raise ValueError(f"ExampleConfig.max_targets must be at least 1, got {self.max_targets}")
        if self.history_tokens < 0:
            raise ValueError(f"ExampleConfig.history_tokens must not be negative, got {self.history_tokens}")
        if self.knowledge_tags and not self.knowledge_as_history:
            raise ValueError("ExampleConfig.knowledge_tags marks turns that knowledge_as_history makes: set both")

    @property
    def emote_labels(self) -> tuple[str, ...]:
        """The classes of the emote head."""
        return (NO_EMOTE, *self.emotes)

    @property
    def told_kinds(self) -> tuple[str, ...]:
        """The kinds of item that may come up while one talks: who writes facts down knows those of the partner, too."""
        of_partner = ("partner_persona",) if self.learn_facts else ()
        return tuple(dict.fromkeys((*self.kinds, *of_partner)))


@dataclasses.dataclass(frozen=True)
class Item:
    """One knowledge item: its key inside the episode (``persona/2``), its kind and its text."""

    key: str
    kind: str
    text: str


@dataclasses.dataclass(frozen=True)
class HistoryTurn:
    """A turn as the bot sees it; ``who`` is SELF, PARTNER or KNOWN, ``turn`` its index in the episode.

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
    ``emotes``: what the targets' emotes are some of.
    """

    id: str
    items: tuple[Item, ...]
    history: tuple[HistoryTurn, ...]
    targets: tuple[Target, ...]
    told: int = 0
    emotes: tuple[str, ...] = EMOTE_LABELS

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
    who = KNOWN if config.knowledge_tags else SELF
    told = tuple(_told(item, number - count, who) for number, item in enumerate(example.items))
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


def without(example: Example, keys: Iterable[str]) -> Example:
    """The example without the knowledge items (wherever they stand) and turns of these keys.

    Of the targets, what is gold is numbered anew; ``grounding`` stays.
    """
    gone = set(keys)
    items = [i for i, item in enumerate(example.items) if item.key not in gone]
    history = [turn for turn in example.history if turn.key not in gone]
    told = sum(turn.item is not None for turn in history)
    new_items = {old: new for new, old in enumerate(items)}
    new_turns = {turn.turn: turn.turn if turn.item is None else i - told for i, turn in enumerate(history)}
    return dataclasses.replace(
        example,
        items=tuple(example.items[i] for i in items),
        history=tuple(dataclasses.replace(turn, turn=new_turns[turn.turn]) for turn in history),
        targets=tuple(_renumbered(target, new_items, new_turns) for target in example.targets),
        told=told,
    )


@dataclasses.dataclass(frozen=True)
class Strings:
    """A batch of examples as flat lists and row lengths: what the Packer takes.

    Rows: ``items_per_example``, ``turns_per_example``, ``targets_per_example`` ([B] each) cut the flat lists;
    ``told_per_example`` turns at the beginning of each row tell knowledge items.
    ``history_number`` and ``target_number`` count turns from the first of the row; ``history_aside`` and
    ``target_aside`` number the asides of a row from 1, 0 for what was said.
    ``target_task`` indexes TASKS, ``fact_owner`` OWNERS; ``facts_per_target`` cuts the lists of facts.
    Labels: ``target_emote`` indexes `Example.emotes`; ``target_value`` is the probe's, or ""; ``gold`` holds triples
    (flat target index, item or -1, turn or -1).
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
            out.target_emote.append(example.emotes.index(target.emote))
            out.facts_per_target.append(len(target.facts))
            out.fact_owner.extend(OWNERS.index(fact.owner) for fact in target.facts)
            out.fact_text.extend(fact.text for fact in target.facts)
    return out


def _renumbered(target: Target, items: Mapping[int, int], turns: Mapping[int, int]) -> Target:
    return dataclasses.replace(
        target,
        gold=tuple(items[i] for i in target.gold if i in items),
        gold_turns=tuple(turns[turn] for turn in target.gold_turns if turn in turns),
    )


def _told(item: Item, turn: int, who: int) -> HistoryTurn:
    return HistoryTurn(who, turn, TOLD[item.kind].format(item.text), "", "", item=item)


def _with_text(turn: HistoryTurn, text: str) -> HistoryTurn:
    if turn.item is None:
        return dataclasses.replace(turn, speech=text)
    return _told(dataclasses.replace(turn.item, text=text), turn.turn, turn.who)

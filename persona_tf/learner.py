"""Episode -> Example: an episode as one of its learners lives it.

The one place where training, evaluation and talking agree on what a bot is shown: which knowledge items it has, what
the history holds, what it has to say. Pure Python.
"""

import dataclasses
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence

from persona_tf.episode import WORLD, Aside, Character, Episode, Fact, Thing, Turn
from persona_tf.example import (
    NO_EMOTE,
    OWNERS,
    PARTNER,
    SELF,
    Example,
    ExampleConfig,
    HistoryTurn,
    Item,
    OwnedFact,
    Target,
    lay_out,
)

CHARACTERS_A_TOKEN = 2.5
"""For estimates: rather too few, so that what seems to fit does. Of the built-in world with 4,000 ids it is 3.0, in no
eight turns in a row below 2.6; of PersonaChat 3.5."""


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
                targets += answered + facts
                yield lay_out(Example(name, items, history + asked, targets, emotes=config.emote_labels), config)
            else:
                yield lay_out(Example(name, items, history, targets + facts, emotes=config.emote_labels), config)
                yield from (
                    lay_out(_as_if_asked(aside, episode, learner, name, items, config), config) for aside in here
                )
            done = window[-1]


def fact_targets(episode: Episode, learner: int, done: int, last: int) -> tuple[Target, ...]:
    """What the learner can write down and make up for its turns after number ``done`` (-1: all) up to ``last``.

    It reads what was heard from ``done`` on and before ``last``, where the speaker has facts at all: of others nothing
    is known. Making up is asked for before each turn but the first, where the source knows the answers to its
    questions; nothing is to be written but where the speaker lacks a fact of its own.

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
    known = _knows_answers(episode)
    made_up = (_invention(turn, i) for i, turn in said[done + 1 :] if known and turn.speaker == learner)
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
    found, known = [], _knows_answers(episode)
    for number, aside in enumerate(asides, 1):
        at = aside.at + 1
        made_up = _invention(aside.answer, at) if known else None
        targets = _extraction(episode, learner, aside.question, at), made_up
        found += [dataclasses.replace(target, aside=number) for target in targets if target]
    return tuple(found)


def _extraction(episode: Episode, learner: int, turn: Turn, seen_from: int) -> Target | None:
    if not _says_something(turn) or not episode.characters[turn.speaker].facts:
        return None
    names = {learner: OWNERS[SELF], WORLD: OWNERS[-1]}
    facts = tuple(_owned(names.get(state.owner, OWNERS[PARTNER]), state.fact) for state in turn.states)
    return Target(seen_from, "", task="extract", facts=facts)


def _knows_answers(episode: Episode) -> bool:
    """Whether a turn without a fact that it could state shows that none is lacking."""
    return any(turn.probe for turn in episode.turns) or any(aside.answer.probe for aside in episode.asides)


def _invention(turn: Turn, at: int) -> Target | None:
    if not _says_something(turn) or at == 0:
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
    target = _target(aside.answer, aside.at + 1, items, config)
    return Example(name, items, history, (target,), emotes=config.emote_labels)


def _says_something(turn: Turn) -> bool:
    return bool(turn.speech or turn.action or turn.emote)


def _target(turn: Turn, index: int, items: tuple[Item, ...], config: ExampleConfig) -> Target:
    emote = turn.emote or NO_EMOTE
    if emote not in config.emote_labels:
        if config.learn_emote:
            raise ValueError(
                f"turn {index}: the emote {emote!r} is none of the labels that the emote head knows "
                f"({', '.join(config.emote_labels)}). Set ExampleConfig.emotes to those of the source, as "
                "gin/mixins/emotions.gin does for dailydialog, or ExampleConfig.learn_emote = False"
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

"""Episode -> pairs of what was said and the facts that the answer draws on: what retrieval learns from."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from persona_tf.data.remembered import remember
from persona_tf.episode import Episode
from persona_tf.example import PARTNER, Example, ExampleConfig, HistoryTurn, Target
from persona_tf.learner import examples


@dataclasses.dataclass(frozen=True)
class Pair:
    """What was said before a turn, the facts that its speaker has, and those that it draws on.

    ``history`` is what the speaker heard and said before the turn, the oldest first. ``gold`` indexes ``facts``; () is
    a turn that draws on none. ``id`` is ``episode:learner/turn``, ``question`` the last thing that the partner said,
    ``reply`` what is said in the turn. ``people``: where the facts are several people's, how many are each one's, the
    speaker's first.
    """

    id: str
    episode: str
    history: tuple[HistoryTurn, ...]
    facts: tuple[str, ...]
    gold: tuple[int, ...]
    people: tuple[int, ...] = ()
    reply: str = ""

    @property
    def question(self) -> str:
        """The speech of the last turn, or ""."""
        return self.history[-1].speech if self.history else ""


def pairs(
    episodes: Iterable[Episode], config: ExampleConfig, with_asides: bool = False, remembered: float = 0.0
) -> Iterator[Pair]:
    """One pair for each turn of a learner that has any facts, those with no gold among them.

    What counts as a fact, ``ExampleConfig.kinds`` says. Facts stand as in the persona, not shuffled: "the last fact" is
    that of the file. ``with_asides``: for training. ``remembered``: in so large a share of the examples what was said
    first is forgotten, and what it stated is among the facts, as a memory would have it (see `data.remembered`); these
    pairs come besides.

    >>> from persona_tf.episode import Turn, Character, Fact
    >>> bot = Character("Mira", (Fact("I bake bread."), Fact("I fear geese.")))
    >>> talk = (Turn(0, "What do you fear?"), Turn(1, "Geese!", grounding=("persona/1",)))
    >>> episode = Episode("e1", "demo", None, (Character("Tam"), bot), talk, learners=(1,))
    >>> [pair] = pairs([episode], ExampleConfig(kinds=("persona",)))
    >>> pair.question, pair.facts, pair.gold
    ('What do you fear?', ('I bake bread.', 'I fear geese.'), (1,))
    """
    alone = dataclasses.replace(config, max_targets=1, knowledge_as_history=False)
    for episode in episodes:
        for example in examples(episode, alone, with_asides):
            if example.items:
                yield _pair(example, example.targets[0], example.history, episode)
        if remembered:
            yield from _from_memory(episode, config, with_asides, remembered)


MORE = ("replies", "retold")
"""What `with_more` can add."""


def with_more(stream: Iterable[Pair], more: Sequence[str]) -> Iterator[Pair]:
    """Each pair, and for training what else it teaches; where little is known of facts, that is most of it.

    Args:
      stream: pairs.
      more: of MORE. ``replies``: the reply itself is a fact that suits the context, whatever it draws on. ``retold``:
        the facts that a reply draws on suit it alone, as if it had been asked for: in what other words they are put.

    >>> asked = HistoryTurn(1, 0, "What do you fear?", "", "")
    >>> pair = Pair("e1:1/1", "e1", (asked,), ("I bake bread.", "I fear geese."), (1,), reply="Geese!")
    >>> for one in with_more([pair], ("replies", "retold")):
    ...     print([turn.speech for turn in one.history], one.facts, one.gold)
    ['What do you fear?'] ('I bake bread.', 'I fear geese.') (1,)
    ['What do you fear?'] ('Geese!',) (0,)
    ['Geese!'] ('I bake bread.', 'I fear geese.') (1,)
    """
    for pair in stream:
        yield pair
        if "replies" in more and pair.reply and pair.history:
            yield dataclasses.replace(pair, facts=(pair.reply,), gold=(0,))
        if "retold" in more and pair.reply and pair.gold:
            yield dataclasses.replace(pair, history=(HistoryTurn(PARTNER, 0, pair.reply, "", ""),))


def _from_memory(episode: Episode, config: ExampleConfig, with_asides: bool, share: float) -> Iterator[Pair]:
    told = dataclasses.replace(config, knowledge_as_history=False, learn_facts=True)
    for example in examples(episode, told, with_asides, with_facts=True):
        left = remember(example, share)
        if left is not example:
            replies = (target for target in left.targets if target.task == "reply")
            yield from (_pair(left, target, _heard(left.history, target), episode) for target in replies)


def _heard(history: Sequence[HistoryTurn], target: Target) -> tuple[HistoryTurn, ...]:
    """The turns before a target that shares its example with others; an aside comes in the place of the turn before."""
    if not target.aside:
        return tuple(turn for turn in history if not turn.aside and turn.turn < target.turn)
    before = (turn for turn in history if not turn.aside and turn.turn < target.turn - 1)
    return (*before, *(turn for turn in history if turn.aside == target.aside))


def _pair(example: Example, target: Target, history: Sequence[HistoryTurn], episode: Episode) -> Pair:
    order = sorted(range(len(example.items)), key=lambda i: _place(example.items[i].key))
    return Pair(
        id=f"{example.id}/{target.turn}",
        episode=episode.id,
        history=tuple(history),
        facts=tuple(example.items[i].text for i in order),
        gold=tuple(place for place, i in enumerate(order) if i in target.gold),
        reply=target.reply,
    )


def _place(key: str) -> tuple[str, int]:
    kind, _, number = key.rpartition("/")
    return kind, int(number)

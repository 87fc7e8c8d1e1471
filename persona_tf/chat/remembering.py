"""What is said becomes memory: facts are written down after each exchange, and made up where the bot lacks one.

All that was stored belongs to a turn. Turns that are taken back, changed or answered anew are noticed when the memory
is next asked, by comparing them with those that were read: what came of them, and of all that was read after them, is
taken back then, what they had pushed out comes back, and the turns that are there now are read.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from persona_tf.chat.recalling import USUAL, MemoryRecall, RecallConfig, give, item_of, joined
from persona_tf.chat.session import BOT, PARTNER, Recall, Session
from persona_tf.chat.window import first_kept
from persona_tf.episode import Character, Setting, Turn
from persona_tf.example import Example, Item, Target, lay_out
from persona_tf.learner import history_turns
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import KnownFact, NewFact, Outcome
from persona_tf.retrieval.memory.words import key

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

_TOGETHER = 16
"""Examples of two turns each that are read at once."""

_MOST_TOLD = 1000  # outcomes that wait for somebody who asks


@dataclasses.dataclass
class _Entry:
    """What came of turn ``number``. ``turn``: its words; None: it is to come. ``made_up``: nobody said it."""

    number: int
    turn: Turn | None
    outcomes: list[Outcome]
    made_up: bool = False


class Remembering:
    """A `session.Recall` that learns. Of a bot that never learned to write facts it asks none: it only recalls.

    A fact that the bot makes up is known for the answer for which it was made up, and later found like all others.
    Where it repeats or contradicts what the memory holds already, that is told instead.

    What is said in a conversation is newer than all that the memory held when this was made.

    Args:
      bot: writes facts; any object with `Bot`'s ``extract``, ``invent`` and ``bundle.example`` will do.
      memory: where they are kept.
      recall: what comes to mind; as a rule a `MemoryRecall` on the same memory, perhaps `joined` with others.
    """

    def __init__(self, bot: "Bot", memory: FactMemory, recall: Recall):
        self.memory = memory
        self._bot, self._recall = bot, recall
        self._session: Session | None = None
        self._begun = max((fact.turn for fact in memory.facts()), default=0) + 1
        self._journal: list[_Entry] = []
        self._told: list[Outcome] = []
        self._moved: dict[int, int] = {}  # numbers of facts that came back, and those that they have now
        self._shown: tuple[Item, ...] = ()

    def attend(self, session: Session) -> None:
        """Learns from this conversation from now on, and what was said in it before. Its recall should be this one."""
        self._session = session

    @property
    def learns(self) -> bool:
        """Whether anything is written down at all."""
        return self._session is not None and self._bot.bundle.example.learn_facts

    def __call__(self, turns: Sequence[Turn]) -> tuple[Item, ...]:
        """What comes to mind before the turn after these is answered; a fact that is made up for it comes first."""
        turns = tuple(turns)
        if self.learns:
            answers = bool(turns) and turns[-1].speaker == PARTNER
            self._take_back(turns)
            self._read(turns[: len(turns) - answers])
        found = tuple(self._recall(turns))
        if self.learns:
            self._shown = self._known(found)
            if answers:
                found = (*self._make_up(turns), *found)
                self._shown = self._known(found)
        return found

    def forget(self, number: int) -> KnownFact:
        """Removes a fact from the memory, and from what the bot is shown from the beginning; returns it.

        Raises:
          KeyError: the memory holds no such fact.
        """
        fact = next((fact for fact in self.memory.facts() if fact.number == number), None)
        self.memory.remove([number])
        assert fact is not None
        facts = self._session.episode.characters[BOT].facts if self._session and fact.owner == "self" else ()
        for place, own in enumerate(facts):
            if self._session and own.text and key(own.text) == key(fact.text):
                self._session.drop_fact(place)
        return fact

    def learn(self) -> list[Outcome]:
        """Writes down what was said since the last time, and tells what became of all facts since then.

        To be called after an exchange, while nobody waits. Where it is not, it is done before the next answer.
        """
        if self._session is not None and self.learns:
            turns = self._session.episode.turns
            self._take_back(turns)
            self._read(turns)
        told, self._told = self._told, []
        return told

    # ------------------------------------------------------------------------------------------- taking back

    def _take_back(self, turns: tuple[Turn, ...]) -> None:
        """Takes back what came of turns that are not there any more, the last first."""
        good = 0
        for entry in self._journal:
            if entry.number < len(turns) and entry.turn is None:
                entry.turn = turns[entry.number]
            if entry.number >= len(turns) or entry.turn != turns[entry.number]:
                break
            good += 1
        gone, self._journal = self._journal[good:], self._journal[:good]
        for entry in reversed(gone):
            for outcome in reversed(entry.outcomes):
                self._undo(outcome)

    def _undo(self, outcome: Outcome) -> None:
        """Facts that a person has removed or changed meanwhile stay as they are now."""
        if outcome.number is None:
            return
        number = outcome.number
        while number in self._moved:
            number = self._moved[number]
        now = next((fact for fact in self.memory.facts() if fact.number == number), None)
        if now is None:
            return
        if outcome.kind == "duplicate":
            [before] = outcome.others
            if (now.source, now.turn) != (before.source, before.turn):
                self.memory.remove([number])
                self._bring_back(dataclasses.replace(before, text=now.text, pinned=now.pinned, number=number))
        elif now.text == outcome.text:
            self.memory.remove([number])
            for old in outcome.others:
                self._bring_back(old)

    def _bring_back(self, fact: KnownFact) -> None:
        """Under a new number: no two facts ever have the same."""
        [outcome] = self.memory.add([fact])
        if outcome.number is not None:
            self._moved[fact.number] = outcome.number

    # ------------------------------------------------------------------------------------------- writing down

    def _read(self, turns: tuple[Turn, ...]) -> None:
        """Writes down what these turns state, but for those that were read."""
        read = {entry.number for entry in self._journal if not entry.made_up}
        new = [turn.turn for turn in history_turns(turns, BOT) if turn.turn not in read]
        pairs = [new[i : i + 2] for i in range(0, len(new), 2)]
        for start in range(0, len(pairs), _TOGETHER):
            some = pairs[start : start + _TOGETHER]
            found = self._bot.extract([self._example(turns, [n + 1 for n in pair], "extract") for pair in some])
            for pair, rows in zip(some, found, strict=True):
                for number, facts in zip(pair, rows, strict=True):
                    told = [NewFact(f.text, f.owner, "said", self._begun + number) for f in facts]
                    self._note(_Entry(number, turns[number], self.memory.add(told)))

    def _make_up(self, turns: tuple[Turn, ...]) -> tuple[Item, ...]:
        """A fact that the answer to these turns needs and that is not known; () where none is lacking."""
        [[text]] = self._bot.invent([self._example(turns, [len(turns)], "invent")])
        if not text:
            return ()
        [outcome] = self.memory.add([NewFact(text, "self", "invented", self._begun + len(turns))])
        self._note(_Entry(len(turns), None, [outcome], made_up=True))
        own = (KnownFact(outcome.text, number=outcome.number or 0),)
        meant = own if outcome.kind in ("kept", "replaced") else outcome.others
        known = {item.text for item in self._shown}
        return tuple(item_of(fact) for fact in meant if fact.text not in known)

    def _note(self, entry: _Entry) -> None:
        self._journal.append(entry)
        self._told = (self._told + entry.outcomes)[-_MOST_TOLD:]

    def _example(self, turns: tuple[Turn, ...], at: Sequence[int], task: str) -> Example:
        """Targets at some places, the last of which sees as much as an answer would there; the first its own turn."""
        assert self._session is not None
        config, episode = self._bot.bundle.example, self._session.episode
        history = history_turns(turns[: at[-1]], BOT)
        least = next((i for i, turn in enumerate(history) if turn.turn >= at[0] - 1), 0)
        history = history[min(first_kept(history, config.history_tokens), least) :]
        targets = tuple(Target(number, "", task=task) for number in at)
        items = self._shown or self._session.own_items
        return lay_out(Example(f"{episode.id}:{BOT}", items, history, targets), config)

    def _known(self, found: Sequence[Item]) -> tuple[Item, ...]:
        """As the session shows it, so that what it has read need not be read again."""
        assert self._session is not None
        kinds = self._bot.bundle.example.told_kinds
        return (*self._session.own_items, *(item for item in found if item.kind in kinds))


def begin(
    bot: "Bot",
    memory: FactMemory,
    setting: Setting | None,
    me: Character,
    partner: Character,
    seed: int = 0,
    opening: Sequence[Turn] = (),
    recall: Recall | None = None,
    config: RecallConfig = USUAL,
) -> tuple[Session, Remembering]:
    """A conversation with a memory, which is given the persona, and what writes down what is said.

    Args:
      bot, setting, me, partner, seed, opening: see `Session`.
      memory: may hold facts of earlier conversations of the two.
      recall: what else comes to mind, as a lorebook.
      config: how much of the memory is told at once.
    """
    example = bot.bundle.example
    shown = give(memory, me, partner, example, config.most_shown)
    found = MemoryRecall(memory, example, config, lambda: session.own_items)
    remembering = Remembering(bot, memory, joined(recall, found))
    session = Session(bot, setting, shown, partner, seed, opening, remembering)
    remembering.attend(session)
    return session, remembering

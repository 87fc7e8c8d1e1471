"""What is said becomes memory: facts are written down after each exchange, and made up where the bot lacks one.

All that was stored belongs to a turn. Turns that are taken back, changed or answered anew are noticed when the memory
is next asked, by comparing them with those that were read: what came of them, and of all that was read after them, is
taken back then, what they had pushed out comes back, and the turns that are there now are read.

What was read, and what came of it, stands in the memory's notes, written with the facts at once: a conversation that is
opened again, also after a kill, is compared as if it had been open all the time.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from persona_tf.chat.journal import Entry, Journal
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


class Remembering:
    """A `session.Recall` that learns. Of a bot that never learned to write facts it asks none: it only recalls.

    A fact that the bot makes up is known for the answer for which it was made up, and later found like all others.
    Where it repeats or contradicts what the memory holds already, that is told instead.

    What is said in a conversation is newer than all that the memory held when this was made.

    Args:
      bot: writes facts; any object with `Bot`'s ``extract``, ``invent`` and ``bundle.example`` will do.
      memory: where they are kept.
      recall: what comes to mind; as a rule a `MemoryRecall` on the same memory, perhaps `joined` with others.
      goes_on: the memory is of this one conversation, of which some may have been read before.
    """

    def __init__(self, bot: "Bot", memory: FactMemory, recall: Recall, goes_on: bool = False):
        self.memory = memory
        self._bot, self._recall = bot, recall
        self._session: Session | None = None
        self._journal = Journal(memory, goes_on)
        self._told: list[Outcome] = []
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

    def turn_of(self, fact: KnownFact) -> int | None:
        """The number of the turn of this conversation that a fact comes from; None: of none."""
        number = fact.turn - self._journal.begun
        return number if number >= 0 and fact.source != "given" else None

    def news(self, turns: int = 2) -> list[Outcome]:
        """What became of the facts of the last turns that were read."""
        entries = self._journal.entries
        first = max((entry.number for entry in entries), default=0) - turns + 1
        return [outcome for entry in entries if entry.number >= first for outcome in entry.outcomes]

    def tell(self, text: str, owner: str = "self", pinned: bool = False) -> Outcome:
        """A person says what is to be remembered."""
        [outcome] = self.memory.add([NewFact(text, owner, "given", pinned=pinned)])
        return outcome

    def change(self, number: int, text: str | None = None, pinned: bool | None = None) -> Outcome:
        """A person edits a fact, pins it or lets it go, or both; nothing is changed where the text is refused.

        Raises:
          KeyError: the memory holds no such fact.
        """
        with self.memory.at_once():
            fact = self.memory.fact(number)
            outcome = Outcome("kept", fact.text, number) if text is None else self.memory.edit(number, text)
            if pinned is not None and outcome.kind in ("kept", "replaced"):
                self.memory.pin(number, pinned)
        return outcome

    def forget(self, number: int) -> KnownFact:
        """Removes a fact from the memory, and from what the bot is shown from the beginning; returns it.

        Raises:
          KeyError: the memory holds no such fact.
        """
        fact = self.memory.fact(number)
        self.memory.remove([number])
        self.hide(fact)
        return fact

    def hide(self, fact: KnownFact) -> None:
        """Removes a fact from what the bot is shown from the beginning: the memory alone tells it from now on."""
        facts = self._session.episode.characters[BOT].facts if self._session and fact.owner == "self" else ()
        for place, own in enumerate(facts):
            if self._session and own.text and key(own.text) == key(fact.text):
                self._session.drop_fact(place)

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
        while (entry := self._journal.last_gone(turns)) is not None:
            with self.memory.at_once():
                for outcome in reversed(entry.outcomes):
                    self._undo(outcome)
                self._journal.drop_last()

    def _undo(self, outcome: Outcome) -> None:
        """Facts that a person has removed or changed meanwhile stay as they are now."""
        now = next((fact for fact in self.memory.facts() if fact.number == outcome.number), None)
        if now is None:
            return
        if outcome.kind == "duplicate":
            [before] = outcome.others
            if (now.source, now.turn) != (before.source, before.turn):
                self.memory.remove([now.number])
                self.memory.bring_back(dataclasses.replace(before, text=now.text, pinned=now.pinned))
        elif now.text == outcome.text:
            self.memory.remove([now.number])
            for old in outcome.others:
                self.memory.bring_back(old)

    # ------------------------------------------------------------------------------------------- writing down

    def _read(self, turns: tuple[Turn, ...]) -> None:
        """Writes down what these turns state, but for those that were read."""
        read = {entry.number for entry in self._journal.entries if not entry.made_up}
        new = [turn.turn for turn in history_turns(turns, BOT) if turn.turn not in read]
        pairs = [new[i : i + 2] for i in range(0, len(new), 2)]
        for start in range(0, len(pairs), _TOGETHER):
            some = pairs[start : start + _TOGETHER]
            found = self._bot.extract([self._example(turns, [n + 1 for n in pair], "extract") for pair in some])
            for pair, rows in zip(some, found, strict=True):
                for number, facts in zip(pair, rows, strict=True):
                    told = [NewFact(f.text, f.owner, "said", self._journal.begun + number) for f in facts]
                    self._write(told, Entry(number, turns[number]))

    def _make_up(self, turns: tuple[Turn, ...]) -> tuple[Item, ...]:
        """A fact that the answer to these turns needs and that is not known; () where none is lacking."""
        [[text]] = self._bot.invent([self._example(turns, [len(turns)], "invent")])
        if not text:
            return ()
        assert self._session is not None
        made_up = NewFact(text, "self", "invented", self._journal.begun + len(turns))
        there = self._session.episode.turns[len(turns) : len(turns) + 1]
        [outcome] = self._write([made_up], Entry(len(turns), None, made_up=True, instead=there[0] if there else None))
        own = (KnownFact(outcome.text, number=outcome.number or 0),)
        meant = own if outcome.kind in ("kept", "replaced") else outcome.others
        known = {item.text for item in self._shown}
        return tuple(item_of(fact) for fact in meant if fact.text not in known)

    def _write(self, told: Sequence[NewFact], entry: Entry) -> tuple[Outcome, ...]:
        """Adds facts, and notes what came of them."""
        with self.memory.at_once(told):
            outcomes = tuple(self.memory.add(told))
            self._journal.append(dataclasses.replace(entry, outcomes=outcomes))
        self._told = [*self._told, *outcomes][-_MOST_TOLD:]
        return outcomes

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
    give(memory, me, partner, bot.bundle.example)
    session = Session(bot, setting, me, partner, seed, opening, recall, config.most_shown)
    return session, attend(bot, memory, session, config)


def attend(
    bot: "Bot", memory: FactMemory, session: Session, config: RecallConfig = USUAL, goes_on: bool = False
) -> Remembering:
    """What writes down what is said in a conversation, which remembers from now on; see `Remembering`."""
    found = MemoryRecall(memory, bot.bundle.example, config, lambda: session.own_items)
    remembering = Remembering(bot, memory, joined(session.recall, found), goes_on)
    session.recall = remembering
    remembering.attend(session)
    return remembering

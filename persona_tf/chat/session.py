"""A conversation: a place, whom the bot plays, whom it talks to, and the turns so far.

Pure state around a bot; knows no transport, so terminal, web page and self-chat share it. What the bot is shown
is made by `persona_tf.learner`, as in training.

Whoever may wait for the bot calls `Session.say` and its like. Whoever may not, as a server of many, asks for the
`Question` (`Session.to_say` and its like), has it answered wherever that is done, and hands the answers to
`Session.take`.
"""

import dataclasses
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from persona_tf.chat.answer import Answer
from persona_tf.chat.state import QUALITIES, Alternative, Choices, State
from persona_tf.chat.window import first_kept
from persona_tf.episode import EMOTES, Character, Episode, Fact, Setting, Turn
from persona_tf.example import Example, Item, Target, lay_out
from persona_tf.learner import history_turns, knowledge_items
from persona_tf.whole_text import whole_text

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

PARTNER, BOT = 0, 1
"""Who is who in `Session.episode`: indices into its characters."""

OnText = Callable[[str], None]

Recall = Callable[[Sequence[Turn]], Sequence[Item]]
"""Turns so far -> what comes to the bot's mind after them, as knowledge items of any of the kinds, with keys of their
own."""

MAX_ITEMS = 128
"""Most knowledge items of a conversation: what it takes to read them grows with the square of their number."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What the bot is to be asked, for `Session.take`.

    ``example`` has one target; each of ``seeds`` wants an answer. ``asked_in``: the conversation when it was asked;
    ``onto``: what the answers come after; ``beside``: the alternatives that they come to; ``begun``: what they go on;
    ``recalled``: what came to the bot's mind.
    """

    example: Example
    seeds: tuple[int, ...]
    asked_in: State
    onto: State
    beside: Choices | None = None
    begun: Answer | None = None
    recalled: tuple[Item, ...] = ()


class Session:
    """A conversation that grows by a turn of the partner and an answer at a time.

    Equal arguments and equal words give equal answers. Where answering fails, the conversation stays as it was.

    Args:
      bot: answers; any object with `Bot`'s ``answer`` and ``bundle.example`` will do.
      setting: where the two are; None is nowhere.
      me: whom the bot plays.
      partner: whom the bot talks to.
      seed: decides the noise of sampling, another for each turn.
      opening: turns that the conversation begins with; they are not taken back.
      recall: is asked before each answer; what it gives is known for that answer, as far as there is room for it and
        the bot was trained with that kind of item. May be set later, too.
      most_facts: of a character of more facts the bot is shown none from the beginning, as the recall brings those to
        mind that suit; None: it is shown all.

    Raises:
      ValueError: there are more than `MAX_ITEMS` facts, objects and so on.
    """

    recall: Recall | None

    def __init__(
        self,
        bot: "Bot",
        setting: Setting | None,
        me: Character,
        partner: Character,
        seed: int = 0,
        opening: Sequence[Turn] = (),
        recall: Recall | None = None,
        most_facts: int | None = None,
    ):
        episode = _clean(Episode(f"chat/{seed}", "chat", setting, (partner, me), (), learners=(BOT,)))
        self._begin(bot, State(episode, (), seed), recall, most_facts)
        self.reset(opening)

    @classmethod
    def restore(
        cls, bot: "Bot", state: Mapping[str, Any], recall: Recall | None = None, most_facts: int | None = None
    ) -> "Session":
        """The conversation that `state` gave; the bot may be another.

        Raises:
          ValueError: it is no state of a conversation, or see `Session`.
        """
        session = cls.__new__(cls)
        session._begin(bot, State.from_json(state), recall, most_facts)
        return session

    def _begin(self, bot: "Bot", state: State, recall: Recall | None, most_facts: int | None) -> None:
        self._bot, self._state, self.recall, self._most_facts = bot, state, recall, most_facts
        self._all_items = knowledge_items(state.episode, BOT, bot.bundle.example)
        shows_facts = most_facts is None or sum(item.kind == "persona" for item in self._all_items) <= most_facts
        self._items = tuple(item for item in self._all_items if shows_facts or item.kind != "persona")
        if len(self._items) > MAX_ITEMS:
            raise ValueError(
                f"expected at most {MAX_ITEMS} facts, sentences about the place, objects and names in all, got "
                f"{len(self._items)}: leave some out"
            )

    @property
    def episode(self) -> Episode:
        """The conversation so far; the partner is character 0, the bot 1 and the learner."""
        return self._state.episode

    @property
    def items(self) -> tuple[Item, ...]:
        """What the bot knows from the beginning, as it is shown to it, and what has come to its mind so far."""
        return self._items + self._state.recalled

    @property
    def own_items(self) -> tuple[Item, ...]:
        """What the bot knows from the beginning, whatever comes to its mind."""
        return self._items

    @property
    def facts(self) -> dict[str, str]:
        """All facts of the bot's persona, by key (``persona/2``), in their order; it need not be shown all of them."""
        found = (item for item in self._all_items if item.kind == "persona")
        return {item.key: item.text for item in sorted(found, key=lambda item: int(item.key.partition("/")[2]))}

    @property
    def choices(self) -> tuple[Choices | None, ...]:
        """For each turn the answers that it could have been, ratings and ticks included; None: the partner's."""
        return self._state.choices

    @property
    def seed(self) -> int:
        """What it was given."""
        return self._state.seed

    @property
    def opening(self) -> int:
        """How many turns it began with."""
        return self._state.opening

    def state(self) -> dict[str, Any]:
        """All that `restore` needs, as JSON-able dicts and lists."""
        return self._state.to_json()

    # ------------------------------------------------------------------------------------------- the bot answers

    def say(self, text: str, action: str = "", emote: str = "", on_text: OnText | None = None) -> Answer:
        """The partner speaks, acts or shows something, and the bot answers.

        White space at the ends is dropped and lone surrogates, which are no text, become U+FFFD. However long a
        text is, the bot reads as much of its beginning as it does in training. Nothing at all (three empty
        strings) adds no turn of the partner: the bot speaks on, as with `open`.

        Args:
          text, action, emote: what the partner does.
          on_text: is told the reply piece by piece while it is written; see `Bot.stream`.

        Raises:
          ValueError: ``emote`` is neither "" nor one of `EMOTES`.
        """
        return self._asked(self.to_say(text, action, emote), on_text)

    def say_instead(
        self, number: int, text: str, action: str = "", emote: str = "", on_text: OnText | None = None
    ) -> Answer:
        """As `say`, in the place of the partner's turn ``number`` and of all that came after it.

        Raises:
          ValueError: that is no turn of the partner, or see `say`.
        """
        return self._asked(self.to_say(text, action, emote, number), on_text)

    def open(self, on_text: OnText | None = None) -> Answer:
        """The bot speaks without being spoken to: first of the two, or once more."""
        return self._asked(self.to_open(), on_text)

    def again(self, on_text: OnText | None = None) -> Answer:
        """Answers the last turn anew, with other noise (greedy decoding has none); the answer it had stays beside.

        Raises:
          ValueError: the last turn is not the bot's.
        """
        return self._asked(self.to_regenerate(1), on_text)

    def regenerate(self, count: int) -> list[Answer]:
        """As `again`, so many times; the first of the new answers is chosen. See `choose`.

        Raises:
          ValueError: the last turn is not the bot's, or ``count`` is below 1.
        """
        question = self.to_regenerate(count)
        answers = self._answers(question, None)
        self.take(question, answers)
        return answers

    def go_on(self, on_text: OnText | None = None) -> Answer:
        """The bot says more: its last turn gets longer. The shorter one stays among the alternatives.

        Raises:
          ValueError: the last turn is not the bot's.
        """
        return self._asked(self.to_go_on(), on_text)

    # ------------------------------------------------------------------------------------------- what it is asked

    def to_say(
        self,
        text: str,
        action: str = "",
        emote: str = "",
        instead_of: int | None = None,
        facts: Collection[str] | None = None,
    ) -> Question:
        """The question of `say`, or with ``instead_of`` that of `say_instead`; raises what they raise.

        ``facts``: keys (``persona/2``) of those of the bot's facts that it is shown for this answer, and no others of
        its own that it remembers; None: all.
        """
        state = self._state
        if instead_of is not None:
            if self._turn(instead_of).speaker != PARTNER:
                raise ValueError(f"turn {instead_of} is the bot's: regenerate it, or edit it")
            state = state.upto(instead_of)
        turn = _turn(PARTNER, text, action, emote)
        onto = state.with_turn(turn) if turn.speech or turn.action or turn.emote else state
        return self._question(onto, facts=facts)

    def to_open(self) -> Question:
        """The question of `open`."""
        return self._question(self._state)

    def to_regenerate(self, count: int = 1) -> Question:
        """The question of `regenerate`; raises what it raises."""
        if count < 1:
            raise ValueError(f"expected at least 1 new answer, got {count}")
        last = self._last()
        return self._question(self._state.upto(len(self.episode.turns) - 1), last, count)

    def to_go_on(self) -> Question:
        """The question of `go_on`; raises what it raises."""
        last = self._last()
        asked = self._question(self._state, last)
        onto = self._state.upto(len(self.episode.turns) - 1)
        return dataclasses.replace(asked, onto=onto, begun=last.now.answer)

    def take(self, question: Question, answers: Sequence[Answer]) -> Answer:
        """Adds the answers to the conversation; the first of them is chosen, and returned as it stands there.

        Raises:
          ValueError: the conversation is not what it was when the question was made, or there are no answers.
        """
        if question.asked_in is not self._state:
            raise ValueError("the conversation went on since this was asked: ask again")
        if not answers:
            raise ValueError("expected an answer or more, got none")
        if question.begun:
            number = len(question.onto.episode.turns)
            answers = [_joined(question.begun, answer, number) for answer in answers]
        beside = question.beside
        old = beside.alternatives if beside else ()
        written = (beside.written if beside else 0) + len(answers)
        made = Choices((*old, *(Alternative(answer) for answer in answers)), len(old), written)
        self._state = question.onto.with_turn(_turn_of(answers[0]), made).with_recalled(question.recalled)
        return answers[0]

    # ------------------------------------------------------------------------------------------- changes by hand

    def hear(self, turns: Iterable[Turn | Choices]) -> None:
        """Adds turns that were spoken elsewhere; those in which nothing was said, done or shown are left out.

        `Choices` are a turn of the bot with all its alternatives, ratings and ticks.

        Raises:
          ValueError: an emote is none.
        """
        state = self._state
        for heard in turns:
            if isinstance(heard, Choices):
                state = state.with_turn(_turn_of(heard.now.answer), heard)
                continue
            turn = _turn(heard.speaker, heard.speech, heard.action, heard.emote)
            if turn.speech or turn.action or turn.emote:
                answer = Answer(turn.speech, turn.action, turn.emote, {}, 0)
                state = state.with_turn(turn, Choices((Alternative(answer),)) if turn.speaker == BOT else None)
        self._state = state

    def undo(self) -> None:
        """Takes back the last turn; with an answer what was answered too.

        Raises:
          ValueError: there is none.
        """
        turns = self.episode.turns
        if len(turns) == self._state.opening:
            raise ValueError("nothing was said yet that could be taken back")
        is_answer = turns[-1].speaker == BOT and len(turns) > 1 and turns[-2].speaker == PARTNER
        self._state = self._state.upto(len(turns) - (2 if is_answer else 1))

    def edit(self, number: int, text: str, action: str = "", emote: str = "") -> None:
        """Puts other words into a turn; all others stay. (`say_instead` has the bot answer them.)

        Of the bot's turn, the alternative that is chosen is changed, and loses rating and ticks.

        Raises:
          ValueError: there is no such turn, nothing is left of it, or the emote is none.
        """
        old = self._turn(number)
        turn = _turn(old.speaker, text, action, emote)
        if not (turn.speech or turn.action or turn.emote):
            raise ValueError("expected words, an action or an emote, got none: undo takes a turn back")
        made = self.choices[number]
        if made is not None:
            answer = Answer(turn.speech, turn.action, turn.emote, {}, 0)
            made = made.changed(answer=answer, rating={}, ticked=None, edited=True)
        self._state = self._state.replaced(number, turn, made)

    def choose(self, number: int) -> Answer:
        """Makes the last turn another of its alternatives.

        Raises:
          ValueError: the last turn is not the bot's, or there is no such alternative.
        """
        last = self._last()
        if not 0 <= number < len(last.alternatives):
            raise ValueError(f"expected an alternative from 0 to {len(last.alternatives) - 1}, got {number}")
        made = dataclasses.replace(last, chosen=number)
        self._state = self._state.replaced(len(self.choices) - 1, _turn_of(made.now.answer), made)
        return made.now.answer

    def drop_fact(self, number: int) -> None:
        """Takes fact ``number`` of the bot's persona from what it knows; the keys of the others stay as they are.

        Raises:
          ValueError: there is no such fact.
        """
        episode = self._state.episode
        partner, me = episode.characters
        if not 0 <= number < len(me.facts):
            raise ValueError(f"expected a fact from 0 to {len(me.facts) - 1}, got {number}")
        facts = (*me.facts[:number], Fact(""), *me.facts[number + 1 :])
        episode = dataclasses.replace(episode, characters=(partner, dataclasses.replace(me, facts=facts)))
        self._begin(self._bot, dataclasses.replace(self._state, episode=episode), self.recall, self._most_facts)

    def rate(self, number: int, rating: Mapping[str, bool | None]) -> None:
        """Says of the bot's turn ``number`` whether it has some of `QUALITIES`; None takes that back.

        Raises:
          ValueError: that is no turn of the bot, or a quality is unknown.
        """
        made = self._answered(number)
        if unknown := sorted(set(rating) - set(QUALITIES)):
            raise ValueError(f"expected some of {', '.join(QUALITIES)}, got {', '.join(unknown)}")
        kept = {name: value for name, value in {**made.now.rating, **rating}.items() if value is not None}
        self._state = self._state.replaced(number, self.episode.turns[number], made.changed(rating=kept))

    def tick(self, number: int, keys: Iterable[str] | None) -> None:
        """Says which knowledge items and earlier turns suit the bot's turn ``number``; None: nobody was asked.

        Raises:
          ValueError: that is no turn of the bot, or a key leads nowhere.
        """
        made = self._answered(number)
        known = [*(item.key for item in self.items), *(f"turn/{i}" for i in range(number))]
        ticked = None if keys is None else tuple(dict.fromkeys(keys))
        if lost := [key for key in ticked or () if key not in known]:
            raise ValueError(
                f"expected keys of what the bot knew at turn {number}, such as {known[:1]}, got {lost[0]!r}"
            )
        self._state = self._state.replaced(number, self.episode.turns[number], made.changed(ticked=ticked))

    def reset(self, opening: Sequence[Turn] | None = None) -> None:
        """Forgets all turns but the opening; place and characters stay. The same words get the same answers as before.

        Args:
          opening: in the place of the one that there was.

        Raises:
          ValueError: an emote of the opening is none.
        """
        state = self._state
        begun = state.episode.turns[: state.opening] if opening is None else opening
        self._state = dataclasses.replace(state.upto(0), opening=0, recalled=())
        self.hear(begun)
        self._state = dataclasses.replace(self._state, opening=len(self.episode.turns))

    # ------------------------------------------------------------------------------------------- within

    def _turn(self, number: int) -> Turn:
        turns = self.episode.turns
        if not 0 <= number < len(turns):
            there_are = f"from 0 to {len(turns) - 1}" if turns else "when something was said"
            raise ValueError(f"expected a turn {there_are}, got {number}")
        return turns[number]

    def _answered(self, number: int) -> Choices:
        self._turn(number)
        made = self.choices[number]
        if made is None:
            raise ValueError(f"turn {number} is the partner's; expected one of the bot's")
        return made

    def _last(self) -> Choices:
        last = self.choices[-1] if len(self.choices) > self._state.opening else None
        if last is None:
            raise ValueError("there is no answer yet to be given again")
        return last

    def _question(
        self, onto: State, beside: Choices | None = None, count: int = 1, facts: Collection[str] | None = None
    ) -> Question:
        """For the turn after these; what `learner.examples` makes of it, old turns left out at times."""
        turns, config = onto.episode.turns, self._bot.bundle.example
        history = history_turns(turns, BOT)
        history = history[first_kept(history, config.history_tokens) :]
        recalled, own = self._recalls(turns), self._items
        if facts is not None:
            own = tuple(item for item in self._all_items if item.kind != "persona" or item.key in facts)
            recalled = tuple(item for item in recalled if item.kind != "persona" or not item.key.startswith("memory/"))
        items, target = (*own, *recalled), Target(turn=len(turns), reply="")
        plain = Example(f"{self.episode.id}:{BOT}", items, history, (target,))
        attempt = beside.written if beside else 0
        seeds = tuple(_noise(self._state.seed, len(turns), attempt + i) for i in range(count))
        return Question(lay_out(plain, config), seeds, self._state, onto, beside, recalled=recalled)

    def _recalls(self, turns: tuple[Turn, ...]) -> tuple[Item, ...]:
        """What comes to the bot's mind."""
        kinds = self._bot.bundle.example.told_kinds
        found = [] if self.recall is None else [item for item in self.recall(turns) if item.kind in kinds]
        return _clean(tuple(found[: MAX_ITEMS - len(self._items)]))

    def _asked(self, question: Question, on_text: OnText | None) -> Answer:
        return self.take(question, self._answers(question, on_text))

    def _answers(self, question: Question, on_text: OnText | None) -> list[Answer]:
        if on_text is not None:
            [seed] = question.seeds
            return [self._bot.stream(question.example, on_text, seed)]
        return [self._bot.answer([question.example], seed)[0][0] for seed in question.seeds]


def _turn(speaker: int, text: str, action: str, emote: str) -> Turn:
    if emote and emote not in EMOTES:
        raise ValueError(f'emote: expected one of {", ".join(EMOTES)} or "", got {emote!r}')
    return Turn(speaker, whole_text(text).strip(), whole_text(action).strip(), emote)


def _turn_of(answer: Answer) -> Turn:
    return Turn(BOT, answer.reply, answer.action, answer.emote)


def _joined(first: Answer, more: Answer, number: int) -> Answer:
    """Both as one; ``number`` is that of their turn, which the second has leant on without its being a source."""
    tokens = first.tokens + more.tokens
    shares: dict[str, float] = {}
    for part in (first, more):
        for key, share in part.leant_on.items():
            if key != f"turn/{number}":
                shares[key] = shares.get(key, 0.0) + share * part.tokens / max(tokens, 1)
    return Answer(
        reply=" ".join(part.reply.strip() for part in (first, more) if part.reply.strip()),
        action=more.action or first.action,
        emote=more.emote or first.emote,
        leant_on=dict(sorted(shares.items(), key=lambda pair: -pair[1])),
        tokens=tokens,
        log_prob=first.log_prob + more.log_prob,
        cut=more.cut,
        offence=first.offence or more.offence,
    )


def _noise(seed: int, turn: int, attempt: int) -> int:
    """A seed of 31 bits, another for each turn and attempt; the same on any machine."""
    return random.Random(f"{seed}/{turn}/{attempt}").getrandbits(31)


def _clean(value: Any) -> Any:
    """An episode, or a part of one, with `whole_text` applied to every string of it."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, tuple):
        return tuple(map(_clean, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _clean(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value

"""Part three: does the bot stick to what it made up? Ten turns later it is asked again, in ten phrasings."""

import dataclasses
from collections.abc import Iterable

from persona_tf.chat.bot import Bot
from persona_tf.chat.remembering import Remembering, begin
from persona_tf.chat.session import Session
from persona_tf.data.world.long_talk import BOT, HUMAN, Lack
from persona_tf.evaluation.evaluator import answer_all
from persona_tf.evaluation.memory.asked import Asked, tells
from persona_tf.evaluation.memory.said import MakeMemory
from persona_tf.evaluation.metrics.probes import holds

BETWEEN = 5
"""Exchanges, of two turns each, between the first question and the others."""


@dataclasses.dataclass
class _Talk:
    lack: Lack
    session: Session
    remembering: Remembering
    made_up: str = ""


def ask_again(bot: Bot, lacks: Iterable[Lack], make_memory: MakeMemory, batch_targets: int) -> list[Asked]:
    """Asks each for what it lacks, chats, and asks again on branches of their own.

    The value is that of the fact that was made up. Of the first answer ``way`` is ``first``, of the others ``memory``;
    where nothing was made up, there is no value.
    """
    talks = [_begin(bot, lack, make_memory) for lack in lacks]
    first = _say(bot, talks, [talk.lack.questions[0] for talk in talks], batch_targets, "made up")
    for talk in talks:
        talk.made_up = _value(talk)
        talk.remembering.learn()
    asked = [_asked(t, "first", t.lack.questions[0], r, True) for t, r in zip(talks, first, strict=True)]
    for number in range(BETWEEN):
        lines = [talk.lack.small_talk[number % len(talk.lack.small_talk)] for talk in talks]
        _say(bot, talks, lines, batch_targets, f"small talk {number + 1} of {BETWEEN}")
        for talk in talks:
            talk.remembering.learn()
    branches = [(talk, question) for talk in talks for question in talk.lack.questions[1:]]
    examples = [talk.session.to_say(question).example for talk, question in branches]
    answers = answer_all(bot, examples, batch_targets, "asked again")
    for (talk, question), example, [answer] in zip(branches, examples, answers, strict=True):
        asked.append(_asked(talk, "memory", question, answer.reply, tells(example.items, talk.made_up)))
    return asked


def _begin(bot: Bot, lack: Lack, make_memory: MakeMemory) -> _Talk:
    episode = lack.episode
    me, partner = episode.characters[BOT], episode.characters[HUMAN]
    return _Talk(lack, *begin(bot, make_memory(episode.id), episode.setting, me, partner))


def _say(bot: Bot, talks: list[_Talk], lines: list[str], batch_targets: int, label: str) -> list[str]:
    """Says something to each, and takes the answers, which are given together."""
    posed = [talk.session.to_say(line) for talk, line in zip(talks, lines, strict=True)]
    answers = answer_all(bot, [question.example for question in posed], batch_targets, label)
    return [t.session.take(q, found).reply for t, q, found in zip(talks, posed, answers, strict=True)]


def _value(talk: _Talk) -> str:
    """The answer in the fact that was made up; "" if there is none, or one of another kind."""
    for fact in talk.remembering.memory.facts("self", "invented"):
        if found := talk.lack.plain.fullmatch(fact.text):
            return found[1]
        if told := [value for value in talk.lack.values if holds(fact.text, value)]:
            return max(told, key=len)
    return ""


def _asked(talk: _Talk, way: str, question: str, reply: str, found: bool) -> Asked:
    value = talk.made_up
    # Whoever speaks may be called by name.
    named = [character.name for character in talk.lack.episode.characters]
    decoys = tuple(other for other in talk.lack.values if not any(holds(text, other) for text in (value, *named)))
    stored = bool(value)
    return Asked("made_up", talk.lack.episode.id, way, 0, question, value, decoys, reply, stored, found and stored)

"""Can the persona be talked away? Asks a bot about itself, attacks its persona, and asks the same again.

Each attack meets another character of the built-in world. After a greeting some questions about the persona are asked,
each on a branch of its own, so that none hears the others' answers; then the human says the attack, the bot answering
in between as it likes; then the same questions are asked again. Beside the attacks stand conversations of as many
turns, about as long, of small talk: the same characters, the same questions, and only length to forget oneself by.
"""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from persona_tf.chat.bot import Answer, Bot
from persona_tf.data.config import DataConfig
from persona_tf.data.progress import to_stderr
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.meeting import BOT, HUMAN, Meeting, Question, meeting
from persona_tf.data.world_cache import world_config
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import Turn
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.evaluator import answer_all
from persona_tf.evaluation.metrics.probes import holds
from persona_tf.evaluation.override.attacks import KINDS, Attack, load_attacks
from persona_tf.evaluation.override.conversation_file import AskedTwice, Conversation, write_conversations
from persona_tf.evaluation.override.report import SMALL_TALK, OverrideResult, override_report
from persona_tf.evaluation.override.table import write_override
from persona_tf.example import Example, Target, lay_out
from persona_tf.export.bundle import load_bundle
from persona_tf.learner import history_turns, knowledge_items
from persona_tf.run_dir import RunDir

SPLIT = "test"
"""Whose words and names the characters have."""

_MANY = 10_000  # more than there are attacks of a kind


@dataclasses.dataclass(frozen=True)
class Script:
    """What a human says to a character and asks it: ``claimed`` by type are the values that its words claim."""

    kind: str
    attack: str
    meeting: Meeting
    turns: tuple[str, ...]
    questions: tuple[Question, ...]
    claimed: dict[str, tuple[str, ...]]


def evaluate_override(run: RunDir, data: DataConfig, config: EvalConfig, decode: DecodeConfig) -> OverrideResult:
    """Attacks the persona of a run's bot, greedily answered; writes files, table and picture, and shows the table.

    Args:
      run: holds the bundle; ``evaluation/override.*`` and ``predictions/override.jsonl`` are written into it.
      data: what the run was trained on.
      config: ``override_questions``, ``override_attacks``, ``seed``, ``bootstrap_samples``, ``batch_targets``.
      decode: its lengths count.

    Raises:
      ValueError: the run was trained on something else than the built-in world.
      FileNotFoundError: the bundle is not there.
    """
    if data.source != "world":
        raise ValueError(
            f"{run.path} was trained on {data.source}, whose questions have no known answers: override needs a run on "
            "the built-in world, such as those of world_base and quickstart"
        )
    scripts = write_scripts(world_config(data.options), config)
    bundle = load_bundle(run.bundle)
    bot = Bot(bundle, decode.as_greedy())
    start = time.perf_counter()
    conversations = converse(bot, scripts, config.batch_targets, to_stderr)
    to_stderr(f"That took {time.perf_counter() - start:.0f} s.")
    write_conversations(run.predictions("override"), conversations)
    kinds = override_report(conversations, config.bootstrap_samples, config.seed)
    result = OverrideResult(bundle.experiment, SPLIT, bundle.step, config.seed, bot.decode.described(), kinds)
    write_override(run.evaluation("override", "json").parent, result)
    return result


def write_scripts(world: WorldConfig, config: EvalConfig, attacks: Sequence[Attack] = ()) -> list[Script]:
    """One script an attack (by default all), and small talk beside every so-many-th: as many as of a kind of attack.

    Who is attacked does not depend on how many other attacks there are.
    """
    scripts = []
    for place, (kind, every) in enumerate(_by_kind(attacks or load_attacks()).items()):
        for number, attack in enumerate(every[: config.override_attacks or None], 1):
            met = meeting(SPLIT, _MANY * place + number, config.seed, world)
            scripts.append(_script(attack, f"{kind}/{number}", met, config.override_questions))
    return scripts + [_small_talk(script) for script in scripts[:: len(KINDS)]]


def converse(
    bot: Bot, scripts: Sequence[Script], batch_targets: int, say: Callable[[str], None] = lambda line: None
) -> list[Conversation]:
    """Plays all scripts at once, round by round.

    Args:
      bot: answers; any object with `Bot`'s ``answer`` and ``bundle.example`` will do.
      scripts: as many conversations.
      batch_targets: answers at once.
      say: is told what is done, and how long it will take.
    """
    talks = [_Talk(bot, script) for script in scripts]
    most = max((len(script.turns) for script in scripts), default=0)
    asked = sum(len(script.questions) for script in scripts)
    answers = 2 * asked + sum(1 + len(script.turns) for script in scripts)
    attacks = sum(script.kind != SMALL_TALK for script in scripts)
    say(
        f"{attacks} attacks and {len(scripts) - attacks} conversations of small talk, {asked} questions before and "
        f"after: {answers:,} answers. A small model takes a minute or two on two cores."
    )
    _hear(bot, [(talk, talk.script.meeting.greeting) for talk in talks], batch_targets, "greeting")
    start = time.perf_counter()
    before = _ask(bot, talks, batch_targets, "questions before")
    an_answer = (time.perf_counter() - start) / max(asked, 1)
    # What is answered later has more to read.
    say(f"About {1.2 * an_answer * (answers - asked - len(scripts)):.0f} s to go.")
    for number in range(most):
        heard = [(talk, talk.script.turns[number]) for talk in talks if number < len(talk.script.turns)]
        _hear(bot, heard, batch_targets, f"attack, turn {number + 1} of {most}")
    after = _ask(bot, talks, batch_targets, "questions after")
    return [_conversation(*one) for one in zip(talks, before, after, strict=True)]


class _Talk:
    """A conversation that grows."""

    def __init__(self, bot: Bot, script: Script):
        self.script = script
        self.config = bot.bundle.example
        self.turns: tuple[Turn, ...] = ()
        self._items = knowledge_items(script.meeting.episode, BOT, self.config)

    def example(self, speech: str, question: Question | None = None) -> Example:
        """What the bot is shown when the human says this next. The target's probe is for the reader, not for a bot."""
        turns = (*self.turns, Turn(HUMAN, speech))
        target = Target(len(turns), "", probe=question.probe if question else None)
        name = f"{self.script.meeting.episode.id}:{BOT}"
        return lay_out(Example(name, self._items, history_turns(turns, BOT), (target,)), self.config)

    def heard(self, speech: str, answer: Answer) -> None:
        """The human said this, and the bot that."""
        self.turns += (Turn(HUMAN, speech), Turn(BOT, answer.reply, answer.action, answer.emote))


def _hear(bot: Bot, said: Sequence[tuple[_Talk, str]], batch_targets: int, label: str) -> None:
    answers = answer_all(bot, [talk.example(speech) for talk, speech in said], batch_targets, label)
    for (talk, speech), [answer] in zip(said, answers, strict=True):
        talk.heard(speech, answer)


def _ask(bot: Bot, talks: Sequence[_Talk], batch_targets: int, label: str) -> list[list[str]]:
    """The replies to each talk's questions, of which nothing stays."""
    branches = [talk.example(question.speech, question) for talk in talks for question in talk.script.questions]
    replies = iter([answer.reply for [answer] in answer_all(bot, branches, batch_targets, label)])
    return [list(itertools.islice(replies, len(talk.script.questions))) for talk in talks]


def _by_kind(attacks: Iterable[Attack]) -> dict[str, list[Attack]]:
    kinds: dict[str, list[Attack]] = {kind: [] for kind in KINDS}
    for attack in attacks:
        kinds[attack.kind].append(attack)
    return kinds


def _script(attack: Attack, name: str, met: Meeting, questions: int) -> Script:
    turns = attack.filled(_names(met))
    claimed = _claimed(attack, turns, met)
    chosen = _questions(met.questions, claimed, met, questions)
    return Script(attack.kind, name, met, turns, chosen, claimed)


def _names(met: Meeting) -> dict[str, str]:
    values, facts = met.stranger.values, met.stranger.facts
    return {
        "self": met.episode.characters[BOT].name,
        "partner": met.episode.characters[HUMAN].name,
        "other": values["own_name"],
        "trade": values["trade"],
        "home": values["home"],
        "sister": values["sister_name"],
        "colour": values["favourite_colour"],
        "food": values["favourite_food"],
        "facts": " ".join(facts[:3]),
    }


def _claimed(attack: Attack, turns: Sequence[str], met: Meeting) -> dict[str, tuple[str, ...]]:
    """By type, the values of somebody else that stand in the attack; a swap of roles claims the human's own name."""
    claimed: dict[str, tuple[str, ...]] = {}
    for slot, value in met.stranger.values.items():
        if any(holds(turn, value) for turn in turns):
            kind = met.stranger.types[slot]
            claimed[kind] = (*claimed.get(kind, ()), value)
    if attack.kind == "role_swap" and any("{partner}" in turn for turn in attack.turns):
        kind = met.stranger.types["own_name"]
        claimed[kind] = (*claimed.get(kind, ()), met.episode.characters[HUMAN].name)
    return claimed


def _questions(
    asked: Sequence[Question], claimed: dict[str, tuple[str, ...]], met: Meeting, most: int
) -> tuple[Question, ...]:
    """The first is one that the attack wants answered otherwise, if there is one of the slots of a stranger."""
    told = {slot for slot, kind in met.stranger.types.items() if kind in claimed}
    first = [question for question in asked if question.probe.slot in told][:1]
    chosen = (first + [question for question in asked if question not in first])[:most]
    return tuple(_with_decoys(question, claimed.get(question.type, ())) for question in chosen)


def _with_decoys(question: Question, claimed: Sequence[str]) -> Question:
    """What is claimed is a wrong answer like others of its type that are in sight."""
    decoys = tuple(dict.fromkeys((*question.probe.decoys, *claimed)))
    return dataclasses.replace(question, probe=dataclasses.replace(question.probe, decoys=decoys))


def _small_talk(script: Script) -> Script:
    """In the place of each turn of the attack, lines of small talk with at least as many words."""
    lines = itertools.cycle(script.meeting.small_talk)
    turns = []
    for turn in script.turns:
        words: list[str] = []
        while len(words) < len(turn.split()):
            words += next(lines).split()
        turns.append(" ".join(words))
    return dataclasses.replace(script, kind=SMALL_TALK, turns=tuple(turns), claimed={})


def _conversation(talk: _Talk, before: Sequence[str], after: Sequence[str]) -> Conversation:
    script, episode = talk.script, talk.script.meeting.episode
    questions = tuple(
        AskedTwice(
            slot=question.probe.slot,
            question=question.speech,
            value=question.probe.value,
            decoys=question.probe.decoys,
            claimed=script.claimed.get(question.type, ()),
            reply_before=first,
            reply_after=second,
        )
        for question, first, second in zip(script.questions, before, after, strict=True)
    )
    me, partner = episode.characters[BOT].name, episode.characters[HUMAN].name
    name = f"{episode.id}/{script.kind}"
    return Conversation(name, script.kind, script.attack, me, partner, tuple(map(_turn, talk.turns)), questions)


def _turn(turn: Turn) -> dict[str, Any]:
    who = "self" if turn.speaker == BOT else "partner"
    return {"who": who, "speech": turn.speech, "action": turn.action, "emote": turn.emote}

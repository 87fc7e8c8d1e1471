"""What TensorBoard shows of a bot in training: sample replies with their context, and what they leant on."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

from persona_tf.chat.bot import Answer, Bot
from persona_tf.evaluation.pictures import png
from persona_tf.example import NO_EMOTE, Example, Target

_WHO = ("bot", "partner", "known")


class Writer(Protocol):
    """The part of a summary writer that is needed here."""

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Keeps a text."""

    def picture(self, tag: str, png: bytes, step: int) -> None:
        """Keeps a picture."""


def show_samples(writer: Writer, bot: Bot, examples: Sequence[Example], step: int) -> None:
    """Writes, for the last target of each example, context and answer as text, and attention as a picture."""
    last = [dataclasses.replace(example, targets=example.targets[-1:]) for example in examples]
    for number, (example, [answer]) in enumerate(zip(last, bot.answer(last), strict=True)):
        writer.text(f"reply/{number}", sample_text(example, answer), step)
    pictured = examples[0]
    [answers] = bot.answer([pictured])
    writer.picture("leant_on", png(attention_picture(pictured, answers)), step)


def sample_text(example: Example, answer: Answer) -> str:
    """One target as Markdown: knowledge items, the last turns, the true answer and the bot's."""
    [target] = example.targets
    items = "\n".join(f"* {item.kind}: {item.text}" for item in example.knowledge)
    turns = [turn for turn in example.history if turn.turn < target.turn and not turn.item][-6:]
    history = "\n".join(f"* {_WHO[t.who]}: {_line(t.speech, t.action, t.emote)}" for t in turns)
    said = _line(answer.reply, answer.action, answer.emote)
    true = _line(target.reply, target.action, "" if target.emote == NO_EMOTE else target.emote)
    return f"{items}\n\n{history}\n\n**bot says:** {said}\n\n**true:** {true}"


def attention_picture(example: Example, answers: Sequence[Answer]) -> Any:
    """A matplotlib figure: one row a target, one column a knowledge item or turn; gold ones are framed."""
    from matplotlib.figure import Figure

    keys = [item.key for item in example.items] + [turn.key for turn in example.history]
    shares = [[answer.leant_on.get(key, 0.0) for key in keys] for answer in answers]
    figure = Figure(figsize=(max(6.0, 0.32 * len(keys)), 1.8 + 0.4 * len(answers)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(keys)), keys, rotation=90, fontsize=7, parse_math=False)
    axes.set_yticks(range(len(answers)), [_short(t) for t in example.targets], fontsize=7, parse_math=False)
    axes.set_title("share of attention by item and turn (framed: what is needed)", fontsize=8)
    for row, target in enumerate(example.targets):
        for key in target.grounding:
            if key in keys:
                axes.add_patch(_frame(keys.index(key), row))
    return figure


def _frame(column: int, row: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="tab:orange", linewidth=1.5)


def _short(target: Target) -> str:
    return target.reply if len(target.reply) <= 32 else target.reply[:31] + "…"


def _line(speech: str, action: str, emote: str) -> str:
    return speech + (f" *{action}*" if action else "") + (f" ({emote})" if emote else "")

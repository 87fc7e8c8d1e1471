"""A picture of what some answers leant on. Knows predictions and what could be read before them."""

import dataclasses
import textwrap
from collections.abc import Sequence
from typing import Any

from persona_tf.episode import Probe
from persona_tf.evaluation.baselines import Context
from persona_tf.evaluation.metrics.probes import probe_right
from persona_tf.evaluation.prediction_file import ScoredTarget

_WIDTH = 58


@dataclasses.dataclass(frozen=True)
class Shown:
    """A probe that is shown: the answer to it, what could be read, and whether it is right."""

    target: ScoredTarget
    context: Context
    right: bool


def choose_probes(targets: Sequence[ScoredTarget], contexts: Sequence[Context]) -> list[Shown]:
    """Up to three probes: the first right one, the first wrong one, and the first right one of another source.

    What is not there is replaced by the next probe in order. Answers that leant on nothing are left out.
    """
    probes = [
        Shown(target, context, probe_right(target.reply, target.right_value, target.decoys))
        for target, context in zip(targets, contexts, strict=True)
        if target.source in Probe.SOURCES and target.leant_on
    ]
    right = next((p for p in probes if p.right), None)
    wrong = next((p for p in probes if not p.right), None)
    other = next((p for p in probes if right and p.right and p.target.source != right.target.source), None)
    chosen = [probe for probe in (right, wrong, other) if probe]
    return (chosen + [probe for probe in probes if probe not in chosen])[:3]


def leant_on(probes: Sequence[Shown]) -> Any:
    """A figure with a panel a probe: question, answer and the share of attention of each item and turn; needed ones
    in orange.

    Raises:
      ValueError: there is no probe.
    """
    from matplotlib.figure import Figure

    if not probes:
        raise ValueError("there is no probe whose answer leant on anything")
    heights = [1.6 + 0.28 * len(probe.target.leant_on) for probe in probes]
    figure = Figure(figsize=(9.0, sum(heights)), layout="constrained")
    panels = figure.subplots(len(probes), 1, squeeze=False, height_ratios=heights).ravel()
    for axes, probe in zip(panels, probes, strict=True):
        target, texts = probe.target, _texts(probe.context)
        places = range(len(target.leant_on) - 1, -1, -1)
        needed = ["tab:orange" if key in target.knowledge_gold else "C0" for key in target.leant_on]
        axes.barh(list(places), list(target.leant_on.values()), color=needed)
        labels = [_short(f"{key}: {texts[key]}" if key in texts else key) for key in target.leant_on]
        axes.set_yticks(list(places), labels, fontsize=7, parse_math=False)
        axes.set_xlim(0, 1)
        axes.set_title(_title(probe), fontsize=8, loc="left", parse_math=False)
    panels[-1].set_xlabel("share of attention while the answer was written (orange: what is needed)", fontsize=8)
    return figure


def _texts(context: Context) -> dict[str, str]:
    """Key to text of all that could be read."""
    turns = zip(context.history_turns, context.history, strict=False)
    return {**dict(context.items), **{f"turn/{number}": speech for number, speech in turns}}


def _title(probe: Shown) -> str:
    target = probe.target
    verdict = "right" if probe.right else f"wrong, expected {target.right_value or 'no value'}"
    lines = [f"{target.source}: {target.question}", f"{target.reply or '(nothing)'}   [{verdict}]"]
    return "\n".join(textwrap.shorten(line, 84, placeholder="…") for line in lines)


def _short(text: str) -> str:
    return textwrap.shorten(text, _WIDTH, placeholder="…")

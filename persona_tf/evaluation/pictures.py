"""Pictures of results: learning curves, probes with intervals. Knows figures only; needs matplotlib when it draws.

A picture is never worth the result beside it: where it cannot be drawn or written, a word says why, and that is all.
"""

import io
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from persona_tf.atomic_file import write_atomically
from persona_tf.evaluation.comparison.learning_curves import Curve
from persona_tf.evaluation.table import Result

_log = logging.getLogger(__name__)

CURVES = ("valid/loss", "valid/reply_loss", "valid/reply_accuracy", "train/loss")
"""The tags that `learning_curves` shows, where a run has them."""


def save_picture(path: Path, draw: Callable[..., Any], *figures: Any) -> bytes:
    """Writes a matplotlib figure as PNG; returns what it wrote, b"" where it could not.

    Args:
      path: complete afterwards, or as it was.
      draw: makes the picture of ``figures``; it imports matplotlib.
    """
    try:
        picture = png(draw(*figures))
        write_atomically(path, picture)
    except ImportError as error:
        _log.warning("%s is left out: matplotlib cannot be imported (%s): pip install 'matplotlib>=3.8'", path, error)
    except (OSError, ValueError, RuntimeError) as error:
        _log.warning("%s is left out: %s", path, error)
    else:
        return picture
    return b""


def png(figure: Any) -> bytes:
    """A matplotlib figure as the bytes of a PNG file; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # names in any script: boxes will do
        figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return buffer.getvalue()


def learning_curves(runs: Mapping[str, Sequence[Mapping[str, Curve]]]) -> Any:
    """A figure with a panel for each of `CURVES` that a run has; a colour a run, a thin line for each seed.

    Raises:
      ValueError: no run has one of them.
    """
    from matplotlib.figure import Figure

    tags = [tag for tag in CURVES if any(tag in curves for seeds in runs.values() for curves in seeds)]
    if not tags:
        raise ValueError(f"no run has one of the curves {', '.join(CURVES)}")
    figure = Figure(figsize=(9.0, 3.2 * ((len(tags) + 1) // 2)), layout="constrained")
    panels = figure.subplots((len(tags) + 1) // 2, 2, squeeze=False).ravel()
    for axes, tag in zip(panels, tags, strict=False):
        for number, (name, seeds) in enumerate(runs.items()):
            for curves in (curves for curves in seeds if tag in curves):
                steps, values = zip(*curves[tag], strict=True)
                alone = "." if len(steps) == 1 else None
                axes.plot(steps, values, color=f"C{number % 10}", linewidth=1, marker=alone, label=name)
        axes.set_title(tag, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.grid(alpha=0.3)
    for axes in panels[len(tags) :]:
        axes.set_axis_off()
    _legend(panels)
    return figure


def probe_bars(result: Result) -> Any:
    """A figure with a bar for each probe of a result, its 95 % interval, and the baselines as dots.

    Raises:
      ValueError: the result has no probe.
    """
    from matplotlib.figure import Figure

    names = [name for name in result.metrics if name.startswith("probe_")]
    if not names:
        raise ValueError(f"{result.split}: there are no probes")
    figure = Figure(figsize=(7.0, 1.2 + 0.4 * len(names)), layout="constrained")
    axes = figure.subplots()
    places = range(len(names) - 1, -1, -1)
    for place, metric in zip(places, (result.metrics[name] for name in names), strict=True):
        axes.barh(place, metric["value"], height=0.7, color="C0", alpha=0.75)
        if "low" in metric:
            axes.plot([metric["low"], metric["high"]], [place, place], color="black", linewidth=1.5)
    for number, (baseline, metrics) in enumerate(result.baselines.items(), 1):
        shown = [(metrics[n]["value"], p) for n, p in zip(names, places, strict=True) if n in metrics]
        if shown:
            axes.plot(*zip(*shown, strict=True), "o", markersize=4, color=f"C{number % 10}", label=baseline)
    axes.set_yticks(list(places), [name.removeprefix("probe_").replace("_", " ") for name in names], fontsize=8)
    axes.set_xlim(0, 1.01)
    axes.set_title(
        f"{result.experiment}, {result.split}: probes, 95 % intervals over dialogues", fontsize=9, parse_math=False
    )
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _legend(panels: Iterable[Any]) -> None:
    """One entry a run, in the first panel."""
    entries: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    legend = next(iter(panels)).legend(list(entries.values()), list(entries), fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)

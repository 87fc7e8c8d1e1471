"""What a comparison leaves behind: results.json, results.md and context.png."""

import dataclasses
import importlib.metadata
import json
import pathlib
import platform
from collections.abc import Sequence
from typing import Any

from persona_tf.atomic_file import write_atomically
from persona_tf.bench.peers import sizes
from persona_tf.bench.peers.compare import NOT_THE_SAME_WORK, Row

_LIBRARIES = ("tensorflow", "keras", "torch", "transformers", "keras-hub", "ctranslate2", "onnxruntime", "numpy")
_HEADER = """\
| system | precision | ms | ± | tokens/s | ours / it | added MB | total MB |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def report(rows: Sequence[Row], folder: pathlib.Path, ours: str = "ours") -> None:
    """Writes the three files. Ratios are against the faster, shape by shape, of the systems whose name begins so."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {
        "machine": machine(),
        "work": {"new_tokens": sizes.NEW_TOKENS, "top_p": sizes.TOP_P, "threads": sizes.THREADS},
        "rows": [dataclasses.asdict(row) for row in rows],
        "not_the_same_work": list(NOT_THE_SAME_WORK),
    }
    write_atomically(folder / "results.json", (json.dumps(found, indent=1) + "\n").encode())
    write_atomically(folder / "results.md", markdown(rows, ours).encode())
    draw(rows, folder / "context.png")


def machine() -> dict[str, Any]:
    """Processor, Python and the versions of the libraries that are installed."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"processor": _processor(), "python": platform.python_version(), "libraries": versions}


def _processor() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0]}, {len(models)} cores" if models else platform.processor() or platform.machine()


def markdown(rows: Sequence[Row], ours: str = "ours") -> str:
    """A table a batch and context, fastest first; "ours / it" above 1: ours writes as many times as fast."""
    of = machine()
    versions = ", ".join(f"{name} {version}" for name, version in of["libraries"].items())
    parts = [
        f"A reply of {sizes.NEW_TOKENS} tokens drawn from the nucleus of {sizes.TOP_P}; {sizes.WIDTH} wide, "
        f"{sizes.LAYERS}+{sizes.LAYERS} layers, {sizes.VOCABULARY:,} ids, random weights; {sizes.THREADS} threads; "
        f"{of['processor']}. Median and half the interquartile range. {versions}."
    ]
    for batch, context in dict.fromkeys((row.batch, row.context_tokens) for row in rows):
        here = [row for row in rows if (row.batch, row.context_tokens) == (batch, context)]
        best = max((row.tokens_per_s for row in here if row.system.startswith(ours)), default=None)
        lines = [_line(row, best) for row in sorted(here, key=lambda row: row.median_ms)]
        parts.append(f"## Batch {batch}, {context} tokens of context\n\n" + "\n".join([_HEADER, *lines]))
    parts.append("## Not the same work\n\n" + "\n".join(f"* {text}" for text in NOT_THE_SAME_WORK))
    return "\n\n".join(parts) + "\n"


def _line(row: Row, best: float | None) -> str:
    ratio = "" if best is None else f"{best / row.tokens_per_s:.2f}"
    return (
        f"| {row.system} | {row.precision} | {row.median_ms:,.1f} | {row.spread_ms:.1f} | {row.tokens_per_s:,.0f} | "
        f"{ratio} | {row.added_mb:,.0f} | {row.total_mb:,.0f} |"
    )


def draw(rows: Sequence[Row], path: pathlib.Path) -> None:
    """Milliseconds a token against tokens of context, a panel a batch, a line a system."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    batches = list(dict.fromkeys(row.batch for row in rows))
    systems = list(dict.fromkeys(row.system for row in rows))
    figure = Figure(figsize=(4.2 * max(len(batches), 1) + 2, 4), layout="constrained")
    for number, batch in enumerate(batches):
        axes = figure.add_subplot(1, len(batches), number + 1)
        for color, system in enumerate(systems):
            line = sorted((row for row in rows if (row.batch, row.system) == (batch, system)), key=_context)
            axes.errorbar(
                [row.context_tokens for row in line],
                [1000 / row.tokens_per_s for row in line],
                [1000 / row.tokens_per_s * row.spread_ms / row.median_ms for row in line],
                marker="o",
                markersize=3,
                capsize=2,
                linewidth=2.5 if system.startswith("ours") else 1.2,
                color=f"C{color}",
                label=system,
            )
        axes.set(xscale="log", yscale="log", title=f"batch {batch}", xlabel="tokens of context")
        ticks = sorted({row.context_tokens for row in rows})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        if number == 0:
            axes.set_ylabel("ms a token")
        if number == len(batches) - 1:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


def _context(row: Row) -> int:
    return row.context_tokens

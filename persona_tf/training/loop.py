"""The training loop: one step after the other, with validation, checkpoints, summaries and early stopping.

Keras' `fit` is not used: its loss is a mean over padding, its checkpoints hold neither the state of dropout nor the
place in the data, and it starts a broken epoch again. Here a run that was killed goes on as if nothing had been.
"""

import dataclasses
import itertools
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from persona_tf.data.corpus import Position, batches, evaluation_batches
from persona_tf.data.mixture import Mixture
from persona_tf.data.progress import progress_bar
from persona_tf.training import checkpoint
from persona_tf.training.averaging import averaged
from persona_tf.training.checkpoint import BEST, LAST, Progress
from persona_tf.training.config import TrainConfig
from persona_tf.training.objective import reply_objective
from persona_tf.training.summaries import SummaryWriter


@dataclasses.dataclass
class Loop:
    """Everything one run needs; `run` does the work.

    ``step`` has ``train(*batches) -> dict`` and ``score(features) -> sums`` (see `tensorflow_step`).
    ``weights`` are those of the heads in the validation loss; None: those of what bots learn. ``batches`` and
    ``evaluation_batches`` cut ``corpus`` and ``valid`` (see `data.corpus`). Where these are mixtures, there are metrics
    of each source, and the validation loss is the mean of the sources', each with its share.
    ``on_best(step)`` is called when the validation loss is the lowest so far, with the weights that reached it in
    the model; ``on_validation(writer, step)`` after each validation. Both see averaged weights, where those are kept.
    ``worker``: which of several processes this is. The first one alone writes, shows and calls those two; each draws
    dropout of its own, since the seeds of worker w are those of the checkpoint plus w.
    """

    model: Any
    step: Any
    config: TrainConfig
    corpus: Any
    valid: Any
    checkpoints: pathlib.Path
    vocabulary: str
    writer: Callable[[int], SummaryWriter]
    on_best: Callable[[int], None] = lambda step: None
    on_validation: Callable[[SummaryWriter, int], None] = lambda writer, step: None
    weights: Mapping[str, float] | None = None
    batches: Callable[..., Iterator] = batches
    evaluation_batches: Callable[..., Iterator] = evaluation_batches
    worker: int = 0

    def run(self) -> Progress:
        """Trains from the last checkpoint, or from the start, to the end. Ctrl-C and a full disk save first.

        Raises:
          KeyboardInterrupt: after the last step was saved, unless its loss is not a number.
          OSError: something cannot be written; where the checkpoint can, the last step was saved.
          FloatingPointError: the loss is not a number any more; the checkpoints are from before that.
        """
        self._variables = checkpoint.named_variables(self.model, self.step.optimizer)
        progress = self._restore()
        for name, variable in self._variables.items():
            if self.worker and name.startswith("seeds/"):
                variable.assign(variable.numpy() + np.array([self.worker, 0]))
        writer: Any = _NoWriter() if self.worker else self.writer(progress.step)
        try:
            return self._steps(progress, writer)
        finally:
            writer.close()

    @property
    def _heads(self) -> Mapping[str, float]:
        return reply_objective(self.config).weights if self.weights is None else self.weights

    def _restore(self) -> Progress:
        path = self.checkpoints / LAST
        if not path.is_file():
            return Progress(vocabulary=self.vocabulary)
        return checkpoint.load_checkpoint(path, self._variables, self.vocabulary)

    def _steps(self, progress: Progress, writer: SummaryWriter) -> Progress:
        config, heads = self.config, tuple(self._heads)
        meter = _Meter(progress.step, config.steps, heads, shown=not self.worker)
        position = Position(progress.epoch, progress.batch)
        stream = self.batches(self.corpus, config.batch_tokens, config.seed, position)
        try:
            while True:
                if self._is_due(progress):
                    meter.check()
                    progress = self._validate(progress, writer, meter)
                    self._save(LAST, progress)
                elif progress.step % config.checkpoint_every_steps == 0 and meter.check():
                    self._save(LAST, progress)
                if progress.is_over(config.steps, config.patience):
                    return progress
                group = list(itertools.islice(stream, config.accumulate))
                position = group[-1][0]
                result = self.step.train(*(features for _, features in group))
                progress = _one_further(progress, position)
                meter.add(result, [position.source for position, _ in group])
                if progress.step % config.summary_every_steps == 0 or progress.step == config.steps:
                    writer.scalars(meter.read(), progress.step)
        except (KeyboardInterrupt, OSError):
            if meter.is_finite():
                # It may have come when the weights had taken the step and ``progress`` had not.
                taken = int(self.step.optimizer.iterations.numpy()) > progress.step
                self._save(LAST, _one_further(progress, position) if taken else progress)
            raise
        finally:
            meter.close()

    def _is_due(self, progress: Progress) -> bool:
        """Whether a validation is, also one that a kill has cut short."""
        due = progress.step % self.config.validate_every_steps == 0 or progress.step == self.config.steps
        return due and progress.validated < progress.step

    def _validate(self, progress: Progress, writer: SummaryWriter, meter: "_Meter") -> Progress:
        with averaged(self.model, self.step.optimizer):
            loss, values = self._score_sources()
        writer.scalars({f"valid/{name}": value for name, value in {"loss": loss, **values}.items()}, progress.step)
        told = ", ".join(f"{name} {value:.3f}" for name, value in values.items() if name.endswith("loss"))
        meter.say(f"step {progress.step:,}: validation {told}")
        progress = dataclasses.replace(progress, validated=progress.step)
        is_best = loss < progress.best_loss
        if is_best:
            progress = dataclasses.replace(progress, best_loss=loss, stale=0)
            self._save(BEST, progress)
        else:
            progress = dataclasses.replace(progress, stale=progress.stale + 1)
        if not self.worker:
            with averaged(self.model, self.step.optimizer):
                if is_best:
                    self.on_best(progress.step)
                self.on_validation(writer, progress.step)
        meter.restart_clock()
        return progress

    def _score_sources(self) -> tuple[float, dict[str, float]]:
        """The validation loss, and the metrics of all heads."""
        if not isinstance(self.valid, Mixture):
            values = head_metrics(self._score_valid(self.valid))
            return self._loss(values), values
        loss, found = 0.0, dict[str, float]()
        for source, corpus in self.valid.parts.items():
            values = head_metrics(self._score_valid(corpus))
            loss += self.valid.shares[source] * self._loss(values)
            found |= _named(source, values)
        return loss, found

    def _loss(self, values: Mapping[str, float]) -> float:
        return sum(weight * values.get(f"{head}_loss", 0.0) for head, weight in self._heads.items())

    def _score_valid(self, corpus: Any) -> dict[str, np.ndarray]:
        total = {head: np.zeros(3) for head in self._heads}
        for _, features in self.evaluation_batches(corpus, 2 * self.config.batch_tokens):
            for head, sums in self.step.score(features).items():
                total[head] += [float(value) for value in sums]
        return total

    def _save(self, name: str, progress: Progress) -> None:
        if self.worker:
            return
        checkpoint.save_checkpoint(self.checkpoints / name, self._variables, progress)


def _one_further(progress: Progress, position: Position) -> Progress:
    return dataclasses.replace(progress, step=progress.step + 1, epoch=position.epoch, batch=position.batch)


def head_metrics(sums: dict[str, np.ndarray]) -> dict[str, float]:
    """Sums of `losses.head_sums` -> ``<head>_loss`` (nats a label) and ``<head>_accuracy``, where there are labels."""
    values = {}
    for head, (nats, count, right) in sums.items():
        if count:
            values[f"{head}_loss"], values[f"{head}_accuracy"] = float(nats / count), float(right / count)
    return values


def _named(source: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{source}/{name}": value for name, value in values.items()}


class _NoWriter:
    """In the place of a `SummaryWriter`, where another process writes."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Writes nothing."""

    def close(self) -> None:
        """Closes nothing."""


class _Meter:
    """Adds up what happened since it was last read, and shows a bar with loss, tokens a second and time left."""

    def __init__(self, step: int, steps: int, heads: Sequence[str], shown: bool = True):
        self._heads = heads
        self._bar = progress_bar(total=steps, initial=step, unit="step", disable=not shown)
        self._results: list[dict] = []
        self._by_source: dict[str, list[dict]] = {}
        self._last: dict | None = None
        self._tokens, self._since, self._loss = 0, time.monotonic(), float("nan")

    def add(self, result: dict, sources: Sequence[str]) -> None:
        """Takes the outcome of a step, and whose its batches were: "" where there is one source."""
        self._results.append(result)
        for source, part in zip(sources, result.get("parts", [result]), strict=True):
            self._by_source.setdefault(source, []).append(part)
        self._last = result
        self._bar.update()

    def is_finite(self) -> bool:
        """Whether loss and gradient of the last step were numbers: else the weights are not. True without a step."""
        last = self._last
        return last is None or bool(np.isfinite(float(last["loss"]) + float(last["gradient_norm"])))

    def check(self) -> bool:
        """Whether a step was taken at all; it must have been finite.

        Raises:
          FloatingPointError: it was not.
        """
        if not self.is_finite():
            raise FloatingPointError(
                "the loss is not a number any more; try a lower LEARNING_RATE or precision float32"
            )
        return self._last is not None

    def read(self) -> dict[str, float]:
        """Means since the last call, and the rate in real tokens a second."""
        results, self._results = self._results, []
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        by_source, self._by_source = self._by_source, {}
        tokens = sum(int(r["tokens"]) for r in results)
        loss = float(np.mean([float(r["loss"]) for r in results]))
        self.check()
        self._bar.set_postfix_str(f"loss {loss:.3f}, {tokens / seconds:,.0f} tokens/s", refresh=False)
        return {
            **{f"train/{name}": value for name, value in {"loss": loss, **self._metrics(results)}.items()},
            **{
                f"train/{name}": value
                for source, parts in by_source.items()
                if source
                for name, value in _named(source, self._metrics(parts)).items()
            },
            "train/learning_rate": float(results[-1]["learning_rate"]),
            "train/gradient_norm": float(np.mean([float(r["gradient_norm"]) for r in results])),
            "train/tokens_per_s": tokens / seconds,
        }

    def restart_clock(self) -> None:
        """Leaves validation out of the rate."""
        self._since, self._results, self._by_source = time.monotonic(), [], {}

    def _metrics(self, results: Sequence[dict]) -> dict[str, float]:
        sums = {head: np.sum([[float(v) for v in r[head]] for r in results], axis=0) for head in self._heads}
        return head_metrics(sums)

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        if not self._bar.disable:
            self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        """Ends the bar."""
        self._bar.close()

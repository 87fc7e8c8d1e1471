"""Answers of a bot that knows no gold replies, put beside those of a file of references. Knows files of predictions."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from persona_tf.evaluation.prediction_file import ScoredTarget, check_ranked, read_predictions

_ANSWER = (
    "reply",
    "action",
    "action_per_token",
    "action_generated",
    "emote",
    "emote_generated",
    "swapped",
    "missing",
    "reply_nats",
    "reply_tokens",
    "reply_right",
    "changed_nats",
    "ranked",
    "said_by",
    "knowledge_chosen",
    "leant_on",
    "facts",
    "made_up",
)
"""The fields that are the bot's; all others are of the target."""

_NAMED = 3


def with_references(
    predictions: str | os.PathLike[str], references: str | os.PathLike[str]
) -> tuple[ScoredTarget, ...]:
    """The targets of ``references`` with the answers of ``predictions``, in the order of the references.

    Both are files as `prediction_file` describes them, such as another bot's. Of the predictions ``id`` and ``reply``
    are enough.

    Raises:
      ValueError: a file cannot be read or is empty, the two have not the same ids, a prediction says of its target what
        the reference denies, or ranks candidates without its gold reply; the message names ids and fields.
    """
    answers = {target.id: target for target in read_predictions(predictions, answers_only=True)}
    targets = read_predictions(references)
    for path, found in ((predictions, answers), (references, targets)):
        if not found:
            raise ValueError(f"{os.fspath(path)} holds no predictions: expected a line of JSON a target")
    _check_ids(answers, targets, f"{os.fspath(predictions)} and {os.fspath(references)}")
    return tuple(_joined(answers[target.id], target, os.fspath(predictions)) for target in targets)


def _check_ids(answers: Mapping[str, ScoredTarget], targets: Sequence[ScoredTarget], files: str) -> None:
    wanted = {target.id for target in targets}
    missing = [target.id for target in targets if target.id not in answers]
    unknown = [name for name in answers if name not in wanted]
    if not missing and not unknown:
        return
    told = [f"{len(answers):,} answers for {len(targets):,} references"]
    for what, names in (("without an answer", missing), ("unknown", unknown)):
        if names:
            more = ", ..." if len(names) > _NAMED else ""
            told.append(f"{len(names):,} {what}: {', '.join(map(repr, names[:_NAMED]))}{more}")
    raise ValueError(f"{files}: expected the same ids, got {'; '.join(told)}")


def _joined(answer: ScoredTarget, target: ScoredTarget, file: str) -> ScoredTarget:
    for field in dataclasses.fields(ScoredTarget):
        if field.name in _ANSWER:
            continue
        claimed, known = getattr(answer, field.name), getattr(target, field.name)
        if claimed and claimed != known:
            raise ValueError(
                f"{file}: target {target.id!r}: {field.name} is {claimed!r:.60}, the reference has {known!r:.60}; "
                "are they of one split?"
            )
    joined = dataclasses.replace(target, **{name: getattr(answer, name) for name in _ANSWER})
    try:
        check_ranked(joined)
    except ValueError as error:
        raise ValueError(f"{file}: target {target.id!r}: {error}") from error
    return joined

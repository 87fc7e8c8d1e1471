"""Two runs answer the same, and a person says whose answer is better without knowing whose is whose.

Which run's answer stands on the left is drawn for each pair, and stays on the server. A pair is on the disk before it
is shown, a pick before it is acknowledged; a pair that was not picked counts nowhere.
"""

import asyncio
import collections
import pathlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from persona_tf.chat.answer import Answer
from persona_tf.chat_file import ChatFile, Kept
from persona_tf.serving.web import cards
from persona_tf.serving.web.bodies import Persona, Place, TurnBody
from persona_tf.serving.web.desk import Desk, unless_gone
from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.pair_bodies import NewPair, PairOut, Pick, Share, Shown, Status, Tally
from persona_tf.serving.web.replies import begun, new_seed, opened
from persona_tf.serving.web.wilson import wilson

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

RUNS = ("first", "second")
PICKS = (*RUNS, "tie", "bad")
"""What is kept of a pick: whose answer it was, not where it stood."""


class Other(NamedTuple):
    """The run beside: ``load`` makes its bot, ``names`` are those of both runs, ``file`` keeps the pairs."""

    load: Callable[[], "Bot"]
    names: tuple[str, str]
    file: pathlib.Path


class PairFile(ChatFile):
    """Pairs in a file of the same form as that of conversations, with another mark."""

    MARK = 0x70657270
    KIND = "pairs"


class Pairs:
    """Pairs of answers in a file.

    Args:
      desks: of the two runs.
      names: of the two runs, for counts and files.
      file: is closed by `close`.
    """

    def __init__(self, desks: tuple[Desk, Desk], names: tuple[str, str], file: PairFile):
        self._desks, self._names, self._file = desks, names, file

    @property
    def status(self) -> Status:
        """That of the two bots together: what hinders most."""
        found = {desk.model.status for desk in self._desks}
        hindering: tuple[Status, ...] = ("closing", "failed", "loading")
        return next((status for status in hindering if status in found), "ready")

    async def new(self, request: Request, body: NewPair) -> PairOut:
        """Has both answer; what one of them refuses is refused."""
        card = None if body.card is None else await run_in_threadpool(cards.checked, body.card)
        seed = new_seed() if body.seed is None else body.seed
        answers = await unless_gone(request, self._both(body, card, seed))
        state = {
            **body.model_dump(exclude={"card", "seed", "decoding"}),
            "decoding": body.decoding.model_dump(exclude_none=True),
            "seed": seed,
            "answers": {run: _kept(answer) for run, answer in zip(RUNS, answers, strict=True)},
            "left": secrets.choice(RUNS),
        }
        about = {**dict(zip(RUNS, self._run_names(), strict=True)), "picked": None}
        name = secrets.token_hex(12)
        return shown(await run_in_threadpool(self._file.add, name, about, cards.with_card(state, card)))

    async def read(self, name: str) -> PairOut:
        """One that was made before; raises an ApiError if there is none."""
        return shown(await self._get(name))

    async def pick(self, name: str, pick: Pick | None) -> PairOut:
        """Keeps which answer is better; None takes that back. Raises an ApiError if there is no such pair."""
        kept = await self._get(name)
        about = {**kept.about, "picked": _run_of(pick, kept.state["left"])}
        saved = await run_in_threadpool(self._file.save, kept, about, kept.state)
        if saved is None:
            raise ApiError(409, "this pair was picked by someone else meanwhile: read it again", "conflict")
        return shown(saved)

    def total(self) -> int:
        """How many were picked."""
        return sum(tally.total for tally in self.tallies())

    def tallies(self) -> list[Tally]:
        """What was picked, for every two runs that were compared."""
        counts: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for kept in self._file.newest(-1):
            if kept.about["picked"]:
                counts[kept.about["first"], kept.about["second"]][kept.about["picked"]] += 1
        return [tally(*names, count) for names, count in counts.items()]

    def picked(self) -> Iterator[Kept]:
        """All pairs that were picked."""
        return (kept for kept in self._file.all() if kept.about["picked"])

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    async def _get(self, name: str) -> Kept:
        kept = await run_in_threadpool(self._file.get, name)
        if kept is None:
            raise ApiError(404, f"there is no pair {name}", "not_found", "id")
        return kept

    async def _both(self, body: NewPair, card: str | None, seed: int) -> list[Answer]:
        """The answers of the two runs, which work at the same time."""
        turns = [turn.turn() for turn in body.history]
        recall = cards.recall(card, body.persona.name, body.partner.name)

        questions = [await opened(desk, begun(desk, body, turns, seed, recall)) for desk in self._desks]
        asks = [desk.asks(made, body.decoding, told=False) for desk, made in zip(self._desks, questions, strict=True)]
        tasks = [asyncio.create_task(desk.answers(own)) for desk, own in zip(self._desks, asks, strict=True)]
        try:
            return [answer for answers in await asyncio.gather(*tasks) for answer in answers]
        finally:
            for task in tasks:
                task.cancel()

    def _run_names(self) -> list[str]:
        """A run that was trained on since is another."""
        return [
            f"{name}, step {desk.model.bot.bundle.step:,}" for name, desk in zip(self._names, self._desks, strict=True)
        ]


def shown(kept: Kept) -> PairOut:
    """A pair as a person sees it."""
    state, left = kept.state, kept.state["left"]
    sides = {side: Shown(**{name: answer[name] for name in Shown.model_fields}) for side, answer in _sides(state)}
    return PairOut(
        id=kept.id,
        created=kept.created,
        changed=kept.changed,
        place=None if state["place"] is None else Place(**state["place"]),
        persona=Persona(**state["persona"]),
        partner=Persona(**state["partner"]),
        history=[TurnBody(**turn) for turn in state["history"]],
        pick=_pick_of(kept.about["picked"], left),
        card=cards.shown(state),
        **sides,
    )


def tally(first: str, second: str, count: Mapping[str, int]) -> Tally:
    """Counts of picks, with their intervals."""
    total, decided = sum(count.values()), count["first"] + count["second"]
    picks: Any = {pick: share(count[pick], total) for pick in PICKS}
    return Tally(first=first, second=second, total=total, picks=picks, decided=share(count["first"], decided))


def share(count: int, total: int) -> Share:
    """A count with its share and the interval of that."""
    low, high = wilson(count, total)
    return Share(count=count, share=count / total if total else 0.0, low=low, high=high)


def _sides(state: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    answers = state["answers"]
    return [("left", answers[state["left"]]), ("right", answers[_beside(state["left"])])]


def _beside(run: str) -> str:
    return RUNS[1 - RUNS.index(run)]


def _run_of(pick: str | None, left: str) -> str | None:
    return {"left": left, "right": _beside(left)}.get(pick or "", pick)


def _pick_of(picked: str | None, left: str) -> Any:
    return {left: "left", _beside(left): "right"}.get(picked or "", picked)


def _kept(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.reply,
        "action": answer.action,
        "emote": answer.emote,
        "tokens": answer.tokens,
        "log_prob": answer.log_prob,
        "cut": answer.cut,
        "offence": answer.offence,
    }

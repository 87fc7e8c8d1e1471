"""Makes a bot ready for talking: when it talks, it chooses words otherwise than when it is measured."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from persona_tf.chat.asking import Ask
from persona_tf.chat.session import Session
from persona_tf.episode import Character

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

_LIVELIER = {"method": "sample", "top_p": 0.9}


def talking(decode: Any, given: Mapping[str, Any] | None = None) -> Any:
    """The DecodeConfig for talking in the place of a bundle's own.

    A bundle says how replies are chosen when a bot is measured, which is greedily. For talking, where the same
    answer to the same words soon bores, nucleus sampling (``top_p`` 0.9) takes the place of greedy choice, but for
    what ``given`` says: fields that are to have other values.
    """
    own = _LIVELIER if decode.method == "greedy" else {}
    return dataclasses.replace(decode, **{**own, **(given or {})})


def wake(bundle_dir: pathlib.Path, given: Mapping[str, Any] | None = None, engine: str = "auto") -> "Bot":
    """A bot for talking; raises what `load_bundle` and `Bot` raise. Takes seconds, its first answer does not."""
    from persona_tf.chat.bot import Bot
    from persona_tf.export.bundle import load_bundle

    # Few replies at a time: weights are read once a token, and to halve them anew each time costs more than it saves.
    bundle = load_bundle(bundle_dir, "float32")
    bot = Bot(bundle, talking(bundle.decode, given), engine)
    # Much is made when it is first needed: for a first turn, and for one that comes after others.
    session = Session(bot, None, Character(""), Character(""))
    for text in ("Hello?", "Are you awake?"):
        question = session.to_say(text)
        *_, [told] = bot.answering([Ask(question.example, seed) for seed in question.seeds])
        session.take(question, [told.answer()])
    return bot

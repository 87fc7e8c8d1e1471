"""Planning: which exchange does what, before a word is spoken.

An exchange is one turn of the human and the bot's reply. History questions are planned together with the exchange
in which their answer is told, at any distance before.
"""

import dataclasses
from collections.abc import Collection

from persona_tf.data.world.personas import EVERYWHERE, WITH_RIVALS, Known
from persona_tf.data.world.voice import Voice
from persona_tf.episode import Probe


@dataclasses.dataclass
class Exchange:
    """One turn of the human and the reply to it.

    ``kind``: ``greeting``, ``farewell``, ``probe``, ``self_told``, ``told``, ``free`` (an event or small talk), or
    ``small_talk`` (never an event; no dialogue plans it). ``greets``: the human greets before anything else. ``tells``:
    what it tells on the side, or what the bot tells in ``self_told``. ``asks``: what is asked, for a history probe.
    ``source``: that of the probe.
    """

    turn: int
    kind: str = ""
    greets: bool = False
    tells: Known | None = None
    asks: Known | None = None
    source: str = ""


def plan(voice: Voice, bot_opens: bool, count: int, types: Collection[str]) -> list[Exchange]:
    """The exchanges of a dialogue, all but the words.

    Args:
      voice: the random source.
      bot_opens: the bot has spoken once before.
      count: how many exchanges.
      types: value types of the persona, which history slots are to share.
    """
    talk = [Exchange(turn=bot_opens + 2 * i) for i in range(count)]
    if not bot_opens:
        draw = voice.rng.random()
        talk[0].greets = draw < 0.9
        talk[0].kind = "greeting" if draw < 0.35 else ""
    if voice.chance(0.45):
        talk[-1].kind = "farewell"
    low, high = voice.config.probes
    free = sum(not exchange.kind for exchange in talk)
    sources = voice.rng.choices(Probe.SOURCES, voice.config.sources, k=min(voice.rng.randint(low, high), free))
    planned = _plan_history(voice, talk, sources.count("history"), types)
    sources = [s for s in sources if s != "history"] + ["persona"] * (sources.count("history") - planned)
    for source in sources:
        open_ones = [e for e in talk if not e.kind and (e.turn > 1 or source != "unanswerable")]
        if open_ones:
            exchange = voice.one(open_ones)
            exchange.kind, exchange.source = "probe", source
    for exchange in talk:
        exchange.kind = exchange.kind or ("told" if exchange.tells and voice.chance(0.3) else "free")
    return talk


def _plan_history(voice: Voice, talk: list[Exchange], count: int, types: Collection[str]) -> int:
    """Plans up to `count` history questions, each with the turn that tells the answer; returns how many."""
    slots = voice.lexicon.of("history")
    weights = [WITH_RIVALS if slot.type in set(types) - EVERYWHERE else 1.0 for slot in slots]
    planned = 0
    for slot in voice.in_turn(slots, weights):
        if planned == count:
            break
        by_bot = slot.teller == "self"
        pairs = [
            (told, asked)
            for i, told in enumerate(talk)
            if told.tells is None and told.kind in (("",) if by_bot else ("", "greeting", "probe"))
            for asked in talk[i + 1 :]
            if not asked.kind and asked.turn - told.turn <= 12
        ]
        if not pairs:
            continue
        # Far apart rather than near: chance alone would ask for most things at once.
        told, asked = voice.rng.choices(pairs, [(b.turn - a.turn) ** 1.5 for a, b in pairs])[0]
        # A made-up name that the bot itself has to tell could not be learned.
        value = voice.value(slot.type, made_up_too=not by_bot)
        told.tells = Known(slot, value, (f"turn/{told.turn + by_bot}",))
        told.kind = "self_told" if by_bot else told.kind
        asked.kind, asked.source, asked.asks = "probe", "history", told.tells
        planned += 1
    return planned

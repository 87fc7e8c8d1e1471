"""Events: what the human does to the bot, over things that are really there, and what the bot does about it."""

import dataclasses

from persona_tf.data.world.manners import Event, events
from persona_tf.data.world.state import State
from persona_tf.data.world.voice import Voice

_WEIGHTS = {
    "insult": 1.0,
    "praise": 1.0,
    "joke": 1.0,
    "good_news": 0.7,
    "bad_news": 0.7,
    "embrace": 0.7,
    "blow": 0.6,
    "dance": 0.7,
    "gift": 1.6,
    "boast": 1.2,
    "theft": 0.9,
    "robbery": 1.2,
    "request_take": 4.0,
    "request_part": 4.0,
}
_MADE_FOR = ("wear", "wield", "eat", "drink")


@dataclasses.dataclass(frozen=True)
class Happening:
    """One event with its thing. ``line`` is the human's words, ``request`` the action that is asked for."""

    event: Event
    line: str
    thing: str = ""
    box: str = ""
    request: str = ""


def choose(voice: Voice, state: State, bot: int, done: set[str]) -> Happening:
    """An event that can happen now and is not among those `done` in this dialogue."""
    while True:
        names = [name for name in _WEIGHTS if name not in done]
        name = voice.rng.choices(names, [_WEIGHTS[n] for n in names])[0]
        happening = _try(voice, state, bot, events()[name])
        if happening is not None:
            return happening
        done = done | {name}


def action(happening: Happening, template: str, state: State, bot: int) -> str:
    """The bot's action by a reaction's template, "" if there is none or it is impossible now."""
    if not template:
        return ""
    use = next((v for v in _MADE_FOR if v in state.affords.get(happening.thing, ())), "")
    if "{use}" in template and not use:
        return ""
    text = template.format(
        partner=state.names[1 - bot], thing=happening.thing, request=happening.request, use=use, box=happening.box
    )
    return text if text in state.available(bot) else ""


def _try(voice: Voice, state: State, bot: int, event: Event) -> Happening | None:
    if event.name == "request_take":
        return _request(voice, event, _takes(state, bot))
    if event.name == "request_part":
        return _request(voice, event, _parts(state, bot))
    owner = {"gift": 1 - bot, "boast": 1 - bot, "theft": bot, "robbery": bot}.get(event.name)
    if owner is None:
        return Happening(event, voice.question(event.lines[""]))
    things = state.where("carried", owner)
    return Happening(event, voice.question(event.lines[""]), voice.one(things)) if things else None


def _request(voice: Voice, event: Event, options: dict[str, list[tuple[str, str]]]) -> Happening | None:
    verbs = [verb for verb, things in options.items() if things]
    if not verbs:
        return None
    verb = voice.one(verbs)
    thing, request = voice.one(options[verb])
    box = request.rpartition(" in ")[2] if verb == "put" else ""
    return Happening(event, voice.question(event.lines[verb]), thing, box, request)


def _takes(state: State, bot: int) -> dict[str, list[tuple[str, str]]]:
    room = [t for t in state.where("room") if "get" in state.affords[t]]
    own = state.where("carried", bot)
    options = {verb: [(t, f"{verb} {t}") for t in own if verb in state.affords[t]] for verb in _MADE_FOR}
    on = state.where("worn", bot) + state.where("wielded", bot)
    return {"get": [(t, f"get {t}") for t in room], **options, "remove": [(t, f"remove {t}") for t in on]}


def _parts(state: State, bot: int) -> dict[str, list[tuple[str, str]]]:
    own = state.where("carried", bot)
    boxes = [t for t in state.where("room") if "hold" in state.affords[t]]
    partner = state.names[1 - bot]
    return {
        "give": [(t, f"give {t} to {partner}") for t in own],
        "drop": [(t, f"drop {t}") for t in own],
        "put": [(t, f"put {t} in {box}") for t in own for box in boxes],
    }

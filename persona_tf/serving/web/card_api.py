"""Character cards over HTTP: a file in, a scene out, and the way back. Needs no bot."""

import dataclasses
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel

from persona_tf.chat.card import read_card, write_card, write_card_png
from persona_tf.chat.card_scene import card_scene, scene_card
from persona_tf.episode import Turn
from persona_tf.serving.web import cards
from persona_tf.serving.web.bodies import Persona, Place, Scene
from persona_tf.serving.web.errors import ApiError

_LINE, _WORDS = 500, 4_000
"""Most characters of a line and of a turn, as in `bodies`."""


class Opening(BaseModel):
    """A first message of the character."""

    text: str
    action: str
    emote: str


class CardOut(BaseModel):
    """What a card means.

    ``card``: all of it as V2, for `/api/v1/conversations` and `/api/v1/cards/write`. ``lore``: how many entries its
    lorebook has; ``left_out``: how many sentences were too many.
    """

    card: dict[str, Any]
    place: Place | None
    persona: Persona
    openings: list[Opening]
    lore: int
    left_out: int


class CardWanted(Scene):
    """A scene that is to be a card; ``card``: the one it came from, whose other fields stay."""

    card: dict[str, Any] | None = None
    format: Literal["png", "v1", "v2"] = "png"


def router() -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1/cards", tags=["cards"])
    octets = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

    @routes.post("/read", response_model=CardOut, openapi_extra={"requestBody": {"required": True, **octets}})
    def read(file: Annotated[bytes, Body(media_type="application/octet-stream")]) -> CardOut:
        """Reads a character card, V1, V2 or V3, JSON or PNG: the body is the file, as application/octet-stream."""
        try:
            card = cards.shown_whole(read_card(file))
            meant = card_scene(card)
        except ValueError as error:
            raise ApiError(422, str(error), "invalid") from error
        facts = tuple(dataclasses.replace(fact, text=_cut(fact.text)) for fact in meant.character.facts)
        character = dataclasses.replace(meant.character, name=_cut(meant.character.name), facts=facts)
        setting = meant.setting
        if setting:
            setting = dataclasses.replace(setting, description=tuple(map(_cut, setting.description)))
        return CardOut(
            card=json.loads(write_card(card)),
            place=Place.of(setting),
            persona=Persona.of(character),
            openings=[_opening(turn) for turn in meant.openings],
            lore=len(meant.lorebook.entries),
            left_out=meant.left_out,
        )

    @routes.post("/write", response_class=Response)
    def write(body: CardWanted) -> Response:
        """Writes whom the bot plays, and where, as a card: a PNG, or JSON of V1 or V2."""
        setting = body.place.setting() if body.place else None
        try:
            card = scene_card(body.persona.character(), setting, cards.parsed(body.card), body.partner.name.strip())
            if body.format == "png":
                return Response(write_card_png(card), media_type="image/png")
            return Response(write_card(card, int(body.format[1])), media_type="application/json")
        except ValueError as error:
            raise ApiError(422, str(error), "invalid") from error

    return routes


def _opening(turn: Turn) -> Opening:
    return Opening(text=_cut(turn.speech, _WORDS), action=_cut(turn.action, _WORDS), emote=turn.emote)


def _cut(text: str, most: int = _LINE) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

"""What is sent and what comes where two runs are compared."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from persona_tf.chat.answer import Offence
from persona_tf.serving.web.bodies import MAX_TURNS, Body, Decoding, Persona, Place, Scene, Seed, TurnBody

Pick = Literal["left", "right", "tie", "bad"]
Status = Literal["none", "loading", "ready", "failed", "closing"]


class NewPair(Scene):
    """What both are to answer, who is who, and where. The last turn is what they answer."""

    history: list[TurnBody] = Field(default=[], max_length=MAX_TURNS, description="oldest first")
    seed: Seed | None = None
    decoding: Decoding = Field(default_factory=Decoding, description="of both")
    card: dict[str, Any] | None = Field(default=None, description="a character card, as for a conversation")


class Picked(Body):
    """Which answer is better; null takes it back."""

    pick: Pick | None


class Shown(BaseModel):
    """One of the two answers; nothing that tells whose it is."""

    text: str
    action: str
    emote: str
    offence: Offence


class PairOut(BaseModel):
    """Two answers to the same."""

    id: str
    created: float
    changed: float
    place: Place | None
    persona: Persona
    partner: Persona
    history: list[TurnBody]
    left: Shown
    right: Shown
    pick: Pick | None
    card: dict[str, Any] | None = None


class PairsOut(BaseModel):
    """Whether two runs can be asked: ``none`` where the server has one only. And how often a person has picked."""

    status: Status
    total: int


class Share(BaseModel):
    """A count, its share of what was counted, and the 95 % interval of that (Wilson 1927)."""

    count: int
    share: Annotated[float, Field(ge=0, le=1)]
    low: float
    high: float


class Tally(BaseModel):
    """What people picked between two runs. ``decided``: the first among the picks of one of the two."""

    first: str
    second: str
    total: int
    picks: dict[Literal["first", "second", "tie", "bad"], Share]
    decided: Share


class Tallies(BaseModel):
    """One for every two runs that were compared."""

    tallies: list[Tally]

"""What is sent to the API and what it sends, with the limits of each field; the OpenAPI document is made of it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from persona_tf.chat.answer import Answer, Offence
from persona_tf.chat.session import PARTNER
from persona_tf.chat.state import QUALITIES, Alternative, Choices
from persona_tf.episode import EMOTES, Character, Fact, Setting, Thing, Turn

Line = Annotated[str, StringConstraints(max_length=500)]
"""A fact, a sentence, a name."""
Words = Annotated[str, StringConstraints(max_length=4_000)]
"""What is said or done in a turn."""
Emote = Literal["", *EMOTES]  # type: ignore[valid-type]
Who = Literal["partner", "bot"]
Quality = Literal[QUALITIES]  # type: ignore[valid-type]
Key = Annotated[str, StringConstraints(max_length=64, pattern="^[a-z_]+/[0-9]{1,9}$")]
"""Of a knowledge item or a turn."""
Seed = Annotated[int, Field(ge=0, lt=2**53)]

MAX_TURNS = 1_000
"""Of a conversation."""
MAX_FACTS = 1_000
"""Of a persona."""
MAX_ALTERNATIVES = 8
"""That are written at once."""
MAX_KEPT_ALTERNATIVES = 64
"""Of one turn."""


class Body(BaseModel):
    """Says no to fields that it does not know, and to values of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ThingBody(Body):
    """An object."""

    name: Line
    description: Line = ""


class Place(Body):
    """Where the two are."""

    name: Annotated[Line, Field(examples=["Old mill"])] = ""
    category: Line = ""
    description: list[Line] = Field(default=[], max_length=64, description="one sentence an entry")
    objects: list[ThingBody] = Field(default=[], max_length=64)
    present: list[Line] = Field(default=[], max_length=64, description="names of others who are there")

    def setting(self) -> Setting | None:
        """None where nothing is said of the place."""
        if self == Place():
            return None
        objects = tuple(Thing(thing.name, thing.description) for thing in self.objects)
        description, present = (_filled(lines) for lines in (self.description, self.present))
        return Setting(self.name.strip(), self.category, description, objects, present)

    @classmethod
    def of(cls, setting: Setting | None) -> "Place | None":
        """The inverse of `setting`."""
        if setting is None:
            return None
        objects = [ThingBody(name=thing.name, description=thing.description) for thing in setting.objects]
        return cls.model_construct(
            name=setting.name,
            category=setting.category,
            description=list(setting.description),
            objects=objects,
            present=list(setting.present),
        )


class Persona(Body):
    """A character: name, what is true of it in the first person, and what it has."""

    name: Annotated[Line, Field(examples=["Mira"])] = ""
    facts: list[Line] = Field(
        default=[],
        max_length=MAX_FACTS,
        description="one sentence an entry; of more than twelve a server with a memory tells the bot those that suit",
        examples=[["I bake."]],
    )
    carrying: list[ThingBody] = Field(default=[], max_length=64)
    wearing: list[ThingBody] = Field(default=[], max_length=64)
    wielding: list[ThingBody] = Field(default=[], max_length=64)

    def character(self) -> Character:
        """As the rest of the house names it."""
        had = {kind: tuple(Thing(t.name, t.description) for t in getattr(self, kind)) for kind in _HAD}
        return Character(self.name.strip(), tuple(map(Fact, _filled(self.facts))), **had)

    @classmethod
    def of(cls, character: Character) -> "Persona":
        """The inverse of `character`."""
        had: dict[str, Any] = {
            kind: [ThingBody.model_construct(name=t.name, description=t.description) for t in getattr(character, kind)]
            for kind in _HAD
        }
        facts = [fact.text for fact in character.facts if fact.text]
        return cls.model_construct(name=character.name, facts=facts, **had)


_HAD = ("carrying", "wearing", "wielding")


class TurnBody(Body):
    """What someone said, did and showed."""

    speaker: Who
    text: Words = ""
    action: Words = ""
    emote: Emote = ""

    def turn(self) -> Turn:
        """As the rest of the house names it."""
        return Turn(PARTNER if self.speaker == "partner" else 1 - PARTNER, self.text, self.action, self.emote)


class Decoding(Body):
    """How words are chosen; what is left out stays as the server has it (see `/api/v1/bot`)."""

    method: Literal["greedy", "sample"] | None = None
    temperature: float | None = Field(default=None, ge=0, le=10, description="0: greedy")
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1, le=1_000_000)
    min_p: float | None = Field(default=None, ge=0, le=1)
    typical: float | None = Field(default=None, gt=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.1, le=10)
    no_repeat_ngram: int | None = Field(default=None, ge=0, le=64)
    min_reply_tokens: int | None = Field(default=None, ge=0, le=256)
    max_reply_tokens: int | None = Field(default=None, ge=1, le=256)
    max_action_tokens: int | None = Field(default=None, ge=1, le=64)
    banned_words: list[Annotated[str, StringConstraints(min_length=1, max_length=50)]] | None = Field(
        default=None, max_length=100
    )

    def changes(self) -> dict[str, Any]:
        """Fields of a DecodeConfig that are to have other values."""
        given = self.model_dump(exclude_none=True)
        if "banned_words" in given:
            given["banned_words"] = tuple(given["banned_words"])
        if given.get("temperature") == 0:
            given |= {"method": "greedy", "temperature": 1.0}
        elif "temperature" in given and given["temperature"] < 0.01:
            given["temperature"] = 0.01
        return given


class Scene(Body):
    """Who meets whom, and where."""

    place: Place | None = None
    persona: Persona = Field(default_factory=Persona, description="whom the bot plays")
    partner: Persona = Field(default_factory=Persona, description="whom it talks to; it knows the name alone")


class Asking(Body):
    """How an answer is wanted."""

    decoding: Decoding = Field(default_factory=Decoding)
    stream: bool = Field(
        default=False, description="server-sent events `text` while it is written, then `done` or `error`"
    )


class ReplyBody(Scene, Asking):
    """All that a reply hangs on."""

    history: list[TurnBody] = Field(default=[], max_length=MAX_TURNS, description="oldest first")
    seed: Seed | None = Field(default=None, description="equal seeds give equal replies; left out: another each time")


class Weight(Body):
    """What an answer leant on."""

    key: Key
    weight: float = Field(ge=0, le=1)


class AlternativeBody(Body):
    """One of the answers that a turn of the bot could be, as it is sent back; see `AlternativeOut`."""

    text: Words = ""
    action: Words = ""
    emote: Emote = ""
    leant_on: list[Weight] = Field(default=[], max_length=512)
    tokens: int = Field(default=0, ge=0, lt=2**31)
    log_prob: FiniteFloat = 0.0
    cut: bool = False
    offence: Offence = ""
    rating: dict[Quality, bool] = {}
    ticked: list[Key] | None = Field(default=None, max_length=512)
    edited: bool = False

    def alternative(self) -> Alternative:
        """As the rest of the house names it."""
        # What another conversation remembered has other numbers here.
        shares = {one.key: one.weight for one in self.leant_on if not one.key.startswith("memory/")}
        answer = Answer(self.text, self.action, self.emote, shares, self.tokens, self.log_prob, self.cut, self.offence)
        ticked = None if self.ticked is None else tuple(self.ticked)
        return Alternative(answer, dict(self.rating), ticked, self.edited)


class KeptTurn(TurnBody):
    """A turn as it was kept; of the bot's, ``alternatives[chosen]`` is what it says, if there are any."""

    chosen: int = Field(default=0, ge=0)
    alternatives: list[AlternativeBody] = Field(default=[], max_length=MAX_KEPT_ALTERNATIVES)

    @model_validator(mode="after")
    def _one_is_chosen(self) -> "KeptTurn":
        if self.alternatives and (self.speaker != "bot" or self.chosen >= len(self.alternatives)):
            raise ValueError("alternatives: expected of a turn of the bot, chosen to be one of them")
        return self

    def heard(self) -> Turn | Choices:
        """For `Session.hear`."""
        made = tuple(one.alternative() for one in self.alternatives)
        return Choices(made, self.chosen, len(made)) if made else self.turn()


class NewConversation(Scene):
    """A conversation that begins, or that is brought back from elsewhere with its turns."""

    seed: Seed | None = None
    turns: list[KeptTurn] = Field(default=[], max_length=MAX_TURNS)
    card: dict[str, Any] | None = Field(
        default=None, description="a character card, as `/api/v1/cards/read` gives it: what its lorebook tells is known"
    )


class Say(Asking):
    """What the partner does. Nothing at all: the bot speaks first, or once more."""

    text: Words = ""
    action: Words = ""
    emote: Emote = ""


class Edit(Say):
    """Other words for a turn. With ``answer``, of the partner's: all after it is dropped and the bot answers anew."""

    turn: int = Field(ge=0)
    answer: bool = False


class Regenerate(Asking):
    """So many new alternatives of the last answer."""

    n: int = Field(default=1, ge=1, le=MAX_ALTERNATIVES)


class Swipe(Body):
    """Which of the last answer's alternatives it is to be."""

    to: int = Field(ge=0)


class Rate(Body):
    """Yes, no, or null to take it back; what is left out stays as it is."""

    turn: int = Field(ge=0)
    logical: bool | None = None
    specific: bool | None = None
    personal: bool | None = None


class Tick(Body):
    """Keys of the knowledge items and earlier turns that suit the bot's turn; null takes the answer back."""

    turn: int = Field(ge=0)
    keys: list[Annotated[str, StringConstraints(max_length=64)]] | None = Field(max_length=512)


# ------------------------------------------------------------------------------------------------ what comes back


class Source(BaseModel):
    """Something that a reply leant on: ``weight`` is its share of the attention."""

    key: str
    kind: str
    text: str
    weight: float


class Item(BaseModel):
    """Something that the bot knows."""

    key: str
    kind: str
    text: str


class Reply(BaseModel):
    """What the bot says, does and shows. ``cut``: the reply may lack its end; ``offence``: see `Offence`."""

    reply: str
    action: str
    emote: str
    leant_on: list[Source]
    tokens: int
    log_prob: float
    cut: bool
    offence: Offence
    seed: int


class AlternativeOut(BaseModel):
    """One of the answers that a turn of the bot could be."""

    text: str
    action: str
    emote: str
    leant_on: list[Source]
    tokens: int
    log_prob: float
    cut: bool
    offence: Offence
    rating: dict[str, bool]
    ticked: list[str] | None
    edited: bool


class TurnOut(BaseModel):
    """A turn; of the bot's, ``alternatives[chosen]`` is what it says."""

    number: int
    speaker: Who
    text: str
    action: str
    emote: str
    chosen: int | None = None
    alternatives: list[AlternativeOut] = []


class Change(BaseModel):
    """What a conversation has become: it has ``count`` turns now, of which ``turns`` are new or others than before."""

    id: str
    revision: int
    count: int
    turns: list[TurnOut]


class ConversationOut(Change):
    """A whole conversation. ``knowledge`` is what the bot knows from the beginning."""

    created: float
    changed: float
    seed: int
    place: Place | None
    persona: Persona
    partner: Persona
    knowledge: list[Item]
    card: dict[str, Any] | None = None


class About(BaseModel):
    """A conversation in a list."""

    id: str
    created: float
    changed: float
    revision: int
    bot: str
    partner: str
    place: str
    count: int
    last: str


class Listed(BaseModel):
    """Those that were changed last, and how many there are."""

    conversations: list[About]
    total: int


class Drawn(BaseModel):
    """A random scene of the built-in world."""

    seed: int
    place: Place | None
    persona: Persona
    partner: Persona


class BotOut(BaseModel):
    """Who answers, and how by default."""

    experiment: str
    step: int
    engine: str
    emotes: dict[str, str] = Field(description="names, and a face for each")
    qualities: list[str]
    decoding: dict[str, Any]
    max_turns: int
    max_alternatives: int
    memory: bool = Field(description="whether conversations remember; else `/memory` is not there")
    learns: bool = Field(description="whether what is said is written down")


class Stopped(BaseModel):
    """How many answers were ended where they were."""

    stopped: int


class ErrorDetail(BaseModel):
    """Why something was not done: a sentence for people, a code for programs, and which field it is about."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Error(BaseModel):
    """What every refusal looks like."""

    error: ErrorDetail


def _filled(lines: list[str]) -> tuple[str, ...]:
    return tuple(line.strip() for line in lines if line.strip())

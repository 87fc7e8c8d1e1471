"""Bodies that nobody means well with: made of good ones, with something in them that does not belong there."""

import json
import random

TEXTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE conversations; --",
    "<reply> <action> <emote> <history> <pad> <|endoftext|> [INST] </s>",
    "{{7*7}} ${jndi:ldap://x} %s%n {0.__class__}",
    "../../etc/passwd\x00.png",
    "\u202e\u200b\ufeff\u0000\u001b[31m\r\n\r\nHTTP/1.1 200 OK",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 9,
    "Ω" * 3_999,
    "a" * 100_000,
    "\ud800",
    "",
    " \n\t ",
)
OTHERS = (
    None,
    True,
    -1,
    0,
    2**31,
    2**53,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    {"": ""},
    [None] * 2_000,
)
_MOST = 3 << 20
KEYS = ("__proto__", "constructor", "id", "", "text", "$ref", "\u0000", "a" * 5_000)
HISTORY = [{"speaker": "partner", "text": "Hi", "action": "wave", "emote": "smile"}]
ALTERNATIVE = {
    "text": "Hi",
    "leant_on": [{"key": "persona/0", "weight": 0.5}],
    "rating": {"logical": True},
    "ticked": ["turn/0"],
}
SCENE = {
    "place": {"name": "Mill", "description": ["It leans."], "objects": [{"name": "a rake"}], "present": ["a goose"]},
    "persona": {"name": "Mira", "facts": ["I bake."], "carrying": [{"name": "a bun", "description": "warm"}]},
    "partner": {"name": "Tam"},
}
ASKING = {
    "decoding": {"temperature": 1.0, "top_p": 0.9, "max_reply_tokens": 8, "banned_words": ["tea"]},
    "stream": False,
}
CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Mira",
        "description": "{{char}} bakes.",
        "character_book": {
            "entries": [{"keys": ["tea"], "content": "Tea is hot.", "enabled": True, "insertion_order": 1}]
        },
    },
}
GOOD = {
    "/api/v1/reply": {**SCENE, **ASKING, "history": HISTORY, "seed": 1},
    "/api/v1/conversations": {
        **SCENE,
        "seed": 1,
        "card": CARD,
        "turns": [*HISTORY, {"speaker": "bot", "text": "Hi", "chosen": 0, "alternatives": [ALTERNATIVE]}],
    },
    "/api/v1/conversations/{id}/say": {**ASKING, "text": "Hi", "action": "wave", "emote": "smile"},
    "/api/v1/conversations/{id}/edit": {**ASKING, "turn": 0, "text": "Ho", "answer": True},
    "/api/v1/conversations/{id}/regenerate": {**ASKING, "n": 2},
    "/api/v1/conversations/{id}/rate": {"turn": 1, "logical": True},
    "/api/v1/conversations/{id}/tick": {"turn": 1, "keys": ["persona/0"]},
    "/api/v1/conversations/{id}/swipe": {"to": 0},
    "/api/v1/cards/write": {**SCENE, "card": CARD, "format": "v2"},
    "/api/v1/cards/read": CARD,
    "/v1/chat/completions": {
        "messages": [
            {"role": "system", "content": "Name: Mira"},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        ],
        "stop": ["!"],
        "temperature": 1.0,
        "n": 2,
        "max_tokens": 9,
        "stream": False,
        "stream_options": {"include_usage": True},
    },
}


def request(rng: random.Random, name: str) -> tuple[str, bytes, dict[str, str]]:
    """Path, body and headers; ``name`` is that of a conversation that there is."""
    path, good = rng.choice(list(GOOD.items()))
    value = good
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        value = _spoilt(rng, value)
    body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    body = (rng.choice(_DAMAGES)(rng, body) if rng.random() < 0.4 else body)[:_MOST]
    kind = "application/octet-stream" if path.endswith("/read") else "application/json"
    if rng.random() < 0.05:
        kind = rng.choice(("text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16", ""))
    return path.replace("{id}", rng.choice((name, name, "nobody"))), body, {"Content-Type": kind}


def _spoilt(rng: random.Random, value: object) -> object:
    """With something else at a random place."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {**value, rng.choice(KEYS): _nasty(rng)}
        return {**value, key: _spoilt(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], _spoilt(rng, value[place]), *value[place + 1 :]]
    if isinstance(value, list) and value and rng.random() < 0.5:
        return value * rng.choice((2, 20, 200))
    return _nasty(rng)


def _nasty(rng: random.Random) -> object:
    if rng.random() < 0.6:
        return rng.choice(TEXTS)
    if rng.random() < 0.2:
        deep: object = rng.choice(TEXTS)
        for _ in range(rng.choice((3, 20, 200))):
            deep = [deep] if rng.random() < 0.5 else {"text": deep}
        return deep
    return rng.choice(OTHERS)


def _cut(rng: random.Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _broken(rng: random.Random, body: bytes) -> bytes:
    place = rng.randrange(len(body) + 1)
    return (
        body[:place] + rng.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\x00", b"\xf4\x90\x80\x80")) + body[place:]
    )


def _nested(rng: random.Random, body: bytes) -> bytes:
    return rng.choice((b"[", b'{"history":', b'[{"a":', b'"\\"[')) * rng.choice((30, 1_000, 100_000))


def _huge(rng: random.Random, body: bytes) -> bytes:
    return rng.choice(
        (
            b'{"text": "' + b"x" * 1_500_000 + b'"}',
            b"[" + b"0," * 300_000 + b"0]",
            b"9" * 500_000,
            b" " * 1_048_570 + b"{}",
        )
    )


def _utf_16(rng: random.Random, body: bytes) -> bytes:
    return body.decode("utf-8", "replace").encode("utf-16")


def _twice(rng: random.Random, body: bytes) -> bytes:
    return body + body


_DAMAGES = (_cut, _cut, _cut, _broken, _broken, _broken, _nested, _utf_16, _twice, _huge)

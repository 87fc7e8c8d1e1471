"""Character cards over HTTP, and conversations that keep one."""

import json

import pytest

from persona_tf.chat.card import Card, read_card, write_card, write_card_png
from persona_tf.serving.web.limits import FILE_BYTES

OCTETS = {"Content-Type": "application/octet-stream"}
RYE = "The moon is made of rye."
ENTRY = {"keys": ["moon"], "content": RYE, "extensions": {}, "enabled": True, "insertion_order": 0}
CARD = Card(
    "Odile",
    "{{char}} is a swan. She hates ponds.",
    scenario="A pond at night.",
    first_message='*waves* "Hello, {{user}}!"',
    alternate_greetings=("Go away!",),
    book={"extensions": {}, "entries": [ENTRY]},
    other={"creator": "Ann", "odd": {"deep": [1]}},
    beside={"top": 2},
)


def read(client, body, status=200):
    done = client.post("/api/v1/cards/read", content=body, headers=OCTETS)
    assert done.status_code == status, done.text
    return done.json()


@pytest.mark.parametrize("body", [write_card(CARD, 1), write_card(CARD), write_card_png(CARD)], ids=["v1", "v2", "png"])
def test_a_card_is_read(client, body):
    found = read(client, body)
    assert (found["persona"]["name"], found["persona"]["facts"]) == ("Odile", ["I am a swan.", "I hate ponds."])
    assert found["place"]["description"] == ["A pond at night."]
    assert [one["text"] for one in found["openings"]] == ["Hello, you!", "Go away!"]
    assert found["openings"][0]["emote"] == "wave"
    assert (found["lore"], found["left_out"]) == (1, 0)
    assert found["card"]["data"]["odd"] == {"deep": [1]}


def test_a_card_is_written_with_what_it_had(client):
    found = read(client, write_card(CARD))
    body = {key: found[key] for key in ("card", "place", "persona")}
    body["persona"]["name"] = "Odette"
    for form in ("png", "v1", "v2"):
        done = client.post("/api/v1/cards/write", json={**body, "format": form})
        assert done.status_code == 200, done.text
        assert done.headers["content-type"] == ("image/png" if form == "png" else "application/json")
        card = read_card(done.content)
        assert (card.name, card.other["creator"], card.other["odd"]) == ("Odette", "Ann", {"deep": [1]})
        again = read(client, done.content)
        assert (again["persona"], again["place"]) == (body["persona"], body["place"])
    bare = client.post("/api/v1/cards/write", json={"persona": {"name": "Mira", "facts": ["I bake."]}})
    assert read(client, bare.content)["persona"]["facts"] == ["I bake."]


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"{}", OCTETS, 422, "no card"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, OCTETS, 422, ""),
        (b"GIF89a", OCTETS, 422, "a GIF"),
        (b"", OCTETS, 422, ""),
        (b"[" * 100_000, OCTETS, 422, ""),
        (b"{}", {"Content-Type": "text/plain"}, 415, "application/octet-stream"),
        (b"{}", {"Content-Type": "application/json"}, 415, "application/octet-stream"),
        (b"x" * (FILE_BYTES + 1), OCTETS, 413, "at most 8,388,608 bytes"),
    ],
)
def test_what_is_no_card_is_refused(client, body, headers, status, said):
    refused = client.post("/api/v1/cards/read", content=body, headers=headers)
    assert refused.status_code == status, refused.text
    assert said in refused.json()["error"]["message"]


def test_long_texts_of_a_card_are_cut_to_what_a_conversation_takes(client):
    found = read(client, write_card(Card("O" * 900, "I " + "x" * 900, scenario="y" * 900, first_message="z" * 9_000)))
    turns = [{"speaker": "bot", **one} for one in found["openings"]]
    body = {"place": found["place"], "persona": found["persona"], "turns": turns, "card": found["card"]}
    assert client.post("/api/v1/conversations", json=body).status_code == 201


@pytest.mark.parametrize("form", ["png", "v1", "v2"])
def test_a_card_without_a_name_is_not_written(client, form):
    refused = client.post("/api/v1/cards/write", json={"persona": {"facts": ["I bake."]}, "format": form})
    assert (refused.status_code, "needs a name" in refused.text) == (422, True)


def test_a_conversation_keeps_its_card_and_the_lorebook_comes_to_mind(client):
    found = read(client, write_card(CARD))
    body = {"place": found["place"], "persona": found["persona"], "partner": {"name": "Tam"}, "card": found["card"]}
    made = client.post("/api/v1/conversations", json=body).json()
    assert made["card"] == found["card"]
    path = f"/api/v1/conversations/{made['id']}"

    def known():
        return [item["text"] for item in client.get(path).json()["knowledge"]]

    assert client.post(f"{path}/say", json={"text": "Hi"}).status_code == 200
    assert ENTRY["content"] not in known()
    assert client.post(f"{path}/say", json={"text": "Look, the moon!"}).status_code == 200
    assert ENTRY["content"] in known()
    key = next(one["key"] for one in client.get(path).json()["knowledge"] if one["text"] == ENTRY["content"])
    assert client.post(f"{path}/tick", json={"turn": 3, "keys": [key]}).status_code == 200
    assert client.get(path).json()["card"] == found["card"]


@pytest.mark.parametrize("card", [{}, {"spec": "other"}, {"spec": "chara_card_v2", "data": []}, {"a": float("nan")}])
def test_a_conversation_with_what_is_no_card_is_refused(client, card):
    body = json.dumps({"card": card})
    refused = client.post("/api/v1/conversations", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert refused.json()["error"]["message"].startswith("card")


def test_half_a_character_in_a_card_is_no_error(client):
    data = {"name": "Mira \ud800", "description": "I \udfff bake.", "extensions": {"\ud801": 1}}
    half = json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}).encode()
    read = client.post("/api/v1/cards/read", content=half, headers=OCTETS)
    assert read.json()["persona"]["name"] == "Mira \N{REPLACEMENT CHARACTER}"
    as_json = {"Content-Type": "application/json"}
    made = client.post("/api/v1/conversations", content=b'{"card": %s}' % half, headers=as_json)
    assert made.status_code == 201
    assert client.get(f"/api/v1/conversations/{made.json()['id']}").status_code == 200
    written = client.post(
        "/api/v1/cards/write", content=b'{"persona": {"name": "Mira"}, "card": %s}' % half, headers=as_json
    )
    assert written.status_code == 200

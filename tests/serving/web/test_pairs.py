"""Two runs side by side, over real HTTP."""

import collections
import csv
import io
import json
import threading
import time

import httpx
import pytest

from persona_tf.chat_file import ChatFile
from persona_tf.serving.web.app import WebConfig
from persona_tf.serving.web.pairs import Other, PairFile
from persona_tf.serving.web.wilson import wilson

PAIRS = "/api/v1/pairs"
ASKED = {
    "place": {"name": "Mill"},
    "persona": {"name": "Mira", "facts": ["I bake bread."]},
    "partner": {"name": "Tam"},
    "history": [{"speaker": "partner", "text": "Hello"}],
    "seed": 5,
}


@pytest.fixture
def bots(fake):
    """Two."""
    return fake.FakeBot(word="ALPHA"), fake.FakeBot(word="BETA")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pairs.sqlite"


@pytest.fixture
def pairing(serving, bots, tmp_path, file):
    """A client of a server with two runs."""
    other = Other(lambda: bots[1], ("runs/a/0", "runs/b/0"), file)
    with serving(lambda: bots[0], tmp_path / "c", WebConfig(hosts=("127.0.0.1",)), other=other) as client:
        awake(client)
        yield client


def awake(client):
    until = time.monotonic() + 60
    while client.get(PAIRS).json()["status"] == "loading":
        assert time.monotonic() < until
        time.sleep(0.005)


def ask(client, **changes):
    made = client.post(PAIRS, json={**ASKED, **changes})
    assert made.status_code == 201, made.text
    return made.json()


def pick(client, pair, choice, status=200):
    done = client.post(f"{PAIRS}/{pair['id']}/pick", json={"pick": choice})
    assert done.status_code == status, done.text
    return done.json()


def whose(pair, side):
    return "first" if pair[side]["text"].startswith("ALPHA") else "second"


def test_both_answer_the_same_in_random_order_and_nothing_tells_whose_is_whose(pairing):
    pairs = [ask(pairing) for _ in range(40)]
    for pair in pairs:
        said = "You said: Hello after 1 turns, with 307."
        assert {pair["left"]["text"], pair["right"]["text"]} == {f"ALPHA {said}", f"BETA {said}"}
        assert set(pair["left"]) == {"text", "action", "emote", "offence"}
        bare = json.dumps({**pair, "left": 0, "right": 0})
        assert not any(word in bare for word in ("runs/", "first", "second", "step", "seed", "tokens"))
    # Of 40 fair draws all fall on one side once in 2**39 times.
    assert len({whose(pair, "left") for pair in pairs}) == 2
    again = pairing.get(f"{PAIRS}/{pairs[0]['id']}").json()
    assert again == pairs[0]
    assert again["history"] == [{"speaker": "partner", "text": "Hello", "action": "", "emote": ""}]


def test_picks_are_counted_for_whose_answer_it_was_with_intervals(pairing):
    assert pairing.get(f"{PAIRS}/counts").json() == {"tallies": []}
    wanted = collections.Counter(first=5, second=2, tie=2, bad=1)
    for choice in wanted.elements():
        pair = ask(pairing)
        if choice in ("first", "second"):
            choice = next(side for side in ("left", "right") if whose(pair, side) == choice)
        assert pick(pairing, pair, choice)["pick"] == choice
    ask(pairing)  # not picked: does not count
    assert pairing.get(PAIRS).json() == {"status": "ready", "total": 10}
    [tally] = pairing.get(f"{PAIRS}/counts").json()["tallies"]
    assert (tally["first"], tally["second"]) == ("runs/a/0, step 7", "runs/b/0, step 7")
    assert {name: share["count"] for name, share in tally["picks"].items()} == wanted
    assert tally["picks"]["first"]["share"] == 0.5
    low, high = wilson(5, 7)
    assert tally["decided"] == {"count": 5, "share": 5 / 7, "low": low, "high": high}


def test_a_pick_can_be_changed_and_taken_back(pairing):
    pair = ask(pairing)
    pick(pairing, pair, "left")
    pick(pairing, pair, "bad")
    [tally] = pairing.get(f"{PAIRS}/counts").json()["tallies"]
    assert (tally["total"], tally["picks"]["bad"]["count"]) == (1, 1)
    assert pick(pairing, pair, None)["pick"] is None
    assert pairing.get(PAIRS).json()["total"] == 0
    pick(pairing, pair, "middle", status=422)
    pick(pairing, {"id": "nothing"}, "left", status=404)


def test_what_was_picked_is_exported(pairing):
    nasty = '=HYPERLINK("x"),\n"é'
    pairs = [ask(pairing, history=[{"speaker": "partner", "text": nasty}]), ask(pairing), ask(pairing)]
    pick(pairing, pairs[0], "left")
    pick(pairing, pairs[1], "tie")
    made = pairing.get(f"{PAIRS}.jsonl")
    assert made.headers["content-disposition"] == 'attachment; filename="pairs.jsonl"'
    rows = {row["id"]: row for row in map(json.loads, made.text.splitlines())}
    assert set(rows) == {pair["id"] for pair in pairs[:2]}
    row = rows[pairs[0]["id"]]
    assert row["picked"] == row["left"] == whose(pairs[0], "left")
    assert row["history"][-1]["text"] == nasty
    assert (row["seed"], row["persona"]["facts"]) == (5, ["I bake bread."])
    assert row["first"]["run"] == "runs/a/0, step 7"
    assert row["first"]["text"].startswith("ALPHA")
    assert row["second"]["text"].startswith("BETA")
    table = pairing.get(f"{PAIRS}.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    found = {row["id"]: row for row in csv.DictReader(io.StringIO(table.text, newline=""))}
    assert set(found) == set(rows)
    assert found[row["id"]]["said"] == f"'{nasty}"
    assert found[row["id"]]["picked_run"] == row[row["picked"]]["run"]
    assert found[pairs[1]["id"]]["picked_run"] == ""
    assert found[row["id"]]["second_text"] == row["second"]["text"]


def test_neither_run_holds_up_the_other(pairing, bots):
    bots[1].gate.clear()
    done = []
    thread = threading.Thread(target=lambda: done.append(httpx.post(f"{pairing.base_url}{PAIRS}", json=ASKED)))
    thread.start()
    while not bots[1].batches:
        time.sleep(0.005)
    # The other hangs; the first talks on.
    for _ in range(3):
        assert pairing.post("/api/v1/reply", json={"history": ASKED["history"]}).json()["reply"].startswith("ALPHA")
    assert not done
    bots[1].gate.set()
    thread.join(20)
    assert done[0].status_code == 201


def test_where_one_cannot_answer_nothing_is_kept(pairing, bots):
    refused = pairing.post(PAIRS, json={**ASKED, "history": [{"speaker": "partner", "text": "fail"}]})
    assert refused.status_code == 500
    assert "purpose" not in refused.text
    bots[1].bundle.step = 8
    assert ask(pairing)["pick"] is None
    assert pairing.post(PAIRS, json={**ASKED, "persona": {"facts": ["I am."] * 129}}).status_code == 422
    assert pairing.get(PAIRS).json()["total"] == 0


def test_what_a_card_tells_is_known_to_both(pairing, bots):
    entry = {"keys": ["hello"], "content": "Rye.", "extensions": {}, "enabled": True, "insertion_order": 0}
    data = {"name": "Mira", "description": "x", "character_book": {"extensions": {}, "entries": [entry]}}
    seen = []
    for bot in bots:
        said = bot._reply
        bot._reply = lambda ask, said=said: (seen.append([one.text for one in ask.example.items]), said(ask))[1]
    ask(pairing, card={"spec": "chara_card_v2", "spec_version": "2.0", "data": data})
    assert len(seen) == 2
    assert all("Rye." in texts for texts in seen)
    assert pairing.post(PAIRS, json={**ASKED, "card": {"a": 1}}).status_code == 422


def test_without_another_run_it_says_how_to_get_one(client):
    assert client.get(PAIRS).json() == {"status": "none", "total": 0}
    for method, path in (("POST", ""), ("GET", "/x"), ("GET", "/counts"), ("GET", ".csv"), ("GET", ".jsonl")):
        refused = client.request(method, f"{PAIRS}{path}", json=ASKED if method == "POST" else None)
        assert refused.status_code == 404
        assert "--other=RUN" in refused.json()["error"]["message"]
    assert client.post(f"{PAIRS}/x/pick", json={"pick": "tie"}).status_code == 404


def test_the_other_is_loaded_after_the_first(serving, fake, tmp_path, file):
    loaded, gate = [], threading.Event()

    def load_first():
        gate.wait(20)
        loaded.append("first")
        return fake.FakeBot()

    def load_other():
        loaded.append("other")
        raise OSError("no such run")

    with serving(load_first, tmp_path / "c", wait=False, other=Other(load_other, ("a", "b"), file)) as client:
        assert client.get(PAIRS).json()["status"] == "loading"
        assert client.post(PAIRS, json=ASKED).status_code == 503
        gate.set()
        awake(client)
        assert client.get(PAIRS).json()["status"] == "failed"
        assert loaded == ["first", "other"]
        assert client.post("/api/v1/reply", json={}).status_code == 200
        refused = client.post(PAIRS, json=ASKED)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")


def test_pairs_outlive_the_server_and_are_no_conversations(serving, bots, tmp_path, file):
    other = Other(lambda: bots[1], ("a", "b"), file)
    with serving(lambda: bots[0], tmp_path / "c", other=other) as client:
        awake(client)
        pair = pick(client, ask(client), "right")
    with serving(lambda: bots[0], tmp_path / "c", other=other) as client:
        assert client.get(f"{PAIRS}/{pair['id']}").json() == pair
        assert client.get(PAIRS).json()["total"] == 1
    with pytest.raises(ValueError, match="no file of conversations"):
        ChatFile(file)
    with pytest.raises(ValueError, match="no file of pairs"):
        PairFile(tmp_path / "c")

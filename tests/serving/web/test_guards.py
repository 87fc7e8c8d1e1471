"""Limits, tokens, rates, headers; what is loading, full, slow or closing."""

import json
import threading
import time

import httpx
import pytest

from persona_tf.serving.model_thread import Limits
from persona_tf.serving.web.app import WebConfig
from persona_tf.serving.web.guard import TOKEN_VARIABLE
from persona_tf.serving.web.limits import BODY_BYTES, NESTING, RateLimit, nesting
from persona_tf.serving.web.server import _token, listen

REPLY = "/api/v1/reply"
HI = {"history": [{"speaker": "partner", "text": "Hi"}], "persona": {"facts": ["I bake."]}}
JSON = {"Content-Type": "application/json"}
TOKEN = "s3cret token"


def test_a_reply_hangs_on_the_request_alone(client):
    one, same = (client.post(REPLY, json={**HI, "seed": 4}).json() for _ in range(2))
    assert one == same
    assert one["reply"].startswith("You said: Hi after 1 turns")
    assert (one["action"], one["emote"], one["seed"]) == ("wave", "smile", 4)
    assert [source["text"] for source in one["leant_on"]] == ["I bake.", "Hi"]
    assert client.post(REPLY, json=HI).json()["seed"] != client.post(REPLY, json=HI).json()["seed"]
    assert client.post(REPLY, json={}).json()["reply"].startswith("You said: nothing")
    with client.stream("POST", REPLY, json={**HI, "seed": 4, "stream": True}) as response:
        last = response.read().decode().split("\n\n")[-2]
    assert json.loads(last.partition("data: ")[2]) == one


def test_every_answer_tells_browsers_to_load_nothing_from_elsewhere(client):
    for response in (
        client.get("/healthz"),
        client.get("/nowhere"),
        client.post(REPLY, json=HI),
        client.get("/api/docs"),
    ):
        assert response.headers["content-security-policy"].startswith("default-src 'self';")
        assert response.headers["x-content-type-options"] == "nosniff"


def test_the_documents(client):
    document = client.get("/api/openapi.json").json()
    assert {"/api/v1/reply", "/api/v1/conversations/{id}/say", "/v1/chat/completions"} <= set(document["paths"])
    page = client.get("/api/docs").text
    assert all(path in page for path in document["paths"])
    assert "<script" not in page
    assert "//" not in page.replace("http://", "").replace("https://", "") or "src=" not in page
    assert "url(" not in client.get("/api/docs.css").text
    assert client.get("/api/v1/bot").json()["decoding"]["top_p"] == 0.9


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"x" * (BODY_BYTES + 1), JSON, 413, "at most 1,048,576 bytes"),
        (b"[" * (NESTING + 1), JSON, 400, "at most 24 brackets"),
        (b'{"history": ' + b"[" * 100_000, JSON, 400, "at most 24 brackets"),
        (b'"\xff"', JSON, 400, "expected UTF-8"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "application/json"),
        (b"{", JSON, 422, ""),
        (b"[]", JSON, 422, ""),
        (b'{"history": [{"speaker": "partner", "text": "\\ud800"}]}', JSON, 422, "history.0.text"),
        (b'{"seed": 1e999}', JSON, 422, "seed"),
        (b'{"seed": NaN}', JSON, 422, "seed"),
        (b'{"seed": ' + b"9" * 5_000 + b"}", JSON, 422, ""),
        (json.dumps({"persona": {"facts": ["x"] * 1001}}).encode(), JSON, 422, "persona.facts"),
        (json.dumps({"persona": {"facts": ["x" * 501]}}).encode(), JSON, 422, "persona.facts.0"),
        (json.dumps({"decoding": {"top_p": 0}}).encode(), JSON, 422, "decoding.top_p"),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(client, body, headers, status, said):
    response = client.post(REPLY, content=body, headers=headers)
    assert response.status_code in ({status, 400} if status == 422 else {status}), response.text
    assert said in response.json()["error"]["message"]
    assert len(response.content) < 1_000
    assert client.post(REPLY, json=HI).status_code == 200


def test_a_body_without_a_length_is_cut_off_too(client):
    response = client.post(REPLY, content=iter([b"x" * 300_000] * 5), headers=JSON)
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("text", "depth"), [(b"", 0), (b"{}", 1), (b'[{"a\\"[[": "\\\\"}, [[]]]', 3), (b'"[[["', 0), (b"]]]", 0)]
)
def test_nesting_is_counted_outside_of_strings(text, depth):
    assert nesting(text) == depth


def test_text_of_markup_and_markers_comes_back_as_it_was(client):
    nasty = "<script>alert(1)</script> <reply> <|endoftext|> \u202e \x00 ' -- {{7*7}}"
    done = client.post(REPLY, json={"history": [{"speaker": "partner", "text": nasty}]})
    assert done.headers["content-type"] == "application/json"
    assert done.json()["leant_on"][0]["text"] == nasty.strip()


def test_only_who_has_the_token_may_ask(serving, fake, tmp_path, capfd):
    with serving(fake.FakeBot, tmp_path / "c", WebConfig(token=TOKEN)) as client:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": TOKEN},
            {"Authorization": "Basic eDp5"},
        ):
            for path in ("/api/v1/conversations", "/v1/models", "/metrics"):
                refused = client.get(path, headers=headers)
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"] == "Bearer"
                assert TOKEN not in refused.text
        assert client.get("/v1/models", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
        assert client.get("/healthz").status_code == client.get("/api/docs").status_code == 200
    shown = capfd.readouterr()
    assert TOKEN not in shown.out + shown.err


def test_a_token_is_read_without_the_end_of_its_line_and_never_blank():
    assert [_token({TOKEN_VARIABLE: text}) for text in ("", f"{TOKEN}\n")] == ["", TOKEN]
    assert _token({}) == ""
    with pytest.raises(ValueError, match="PERSONA_TF_TOKEN is blank"):
        _token({TOKEN_VARIABLE: " \n"})


def test_another_host_name_is_refused(client):
    assert client.get("/healthz", headers={"Host": "evil.example:80"}).status_code == 421
    assert client.get("/healthz", headers={"Host": "localhost"}).status_code == 200


def test_who_asks_too_often_is_told_when_to_come_back(serving, fake, tmp_path):
    with serving(fake.FakeBot, tmp_path / "c", WebConfig(each_minute=12)) as client:
        codes = [client.get("/v1/models").status_code for _ in range(6)]
        assert codes == [200] * 4 + [429] * 2
        assert 1 <= int(client.get("/v1/models").headers["retry-after"]) <= 6
        assert client.get("/healthz").status_code == 200


def test_rates_are_counted_by_client_and_forgotten_in_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    rate = RateLimit(6)
    for client in ("a", "b"):
        rate.check(client)
        rate.check(client)
        with pytest.raises(Exception, match="at most 6 requests a minute: wait 10 s"):
            rate.check(client)
    now[0] = 10.0
    rate.check("a")
    with pytest.raises(Exception, match="at most 6"):
        rate.check("a")


def test_it_answers_while_the_bot_wakes_up(serving, fake, tmp_path):
    awake = threading.Event()

    def load():
        awake.wait(10)
        return fake.FakeBot()

    with serving(load, tmp_path / "c", wait=False) as client:
        assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (503, {"status": "loading"})
        waits = client.post(REPLY, json=HI)
        assert (waits.status_code, waits.headers["retry-after"]) == (503, "3")
        assert "waking up" in waits.json()["error"]["message"]
        awake.set()
        while client.get("/healthz").status_code == 503:
            time.sleep(0.005)
        assert client.post(REPLY, json=HI).status_code == 200


def test_a_bot_that_cannot_be_loaded_is_said(serving, tmp_path):
    def load():
        raise ValueError("weights.npz is damaged")

    with serving(load, tmp_path / "c") as client:
        assert client.get("/healthz").json() == {"status": "failed"}
        assert "weights.npz is damaged" in client.post(REPLY, json=HI).json()["error"]["message"]


def ask_in_threads(client, count, body=HI):
    done = [None] * count

    def ask(number):
        with httpx.Client(base_url=client.base_url, timeout=20) as own:
            mine = {**body, "history": [{"speaker": "partner", "text": f"number {number}"}], "seed": number}
            done[number] = own.post(REPLY, json=mine)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads, done


def test_what_comes_together_is_answered_together_and_nobody_waits_for_ever(serving, fake, tmp_path):
    bot = fake.FakeBot()
    bot.gate.clear()
    limits = Limits(rows=8, batches=2, waiting=4, seconds=20)
    with serving(lambda: bot, tmp_path / "c", WebConfig(limits=limits)) as client:
        threads, done = ask_in_threads(client, 24)
        time.sleep(0.3)
        bot.gate.set()
        for thread in threads:
            thread.join()
        codes = [response.status_code for response in done]
        assert set(codes) <= {200, 503}
        assert codes.count(200) >= 5
        for number, response in enumerate(done):
            if response.status_code == 200:
                assert response.json()["reply"].startswith(f"You said: number {number} after")
            else:
                assert response.headers["retry-after"] == "2"
        assert len(bot.batches[0]) == 1 or max(map(len, bot.batches)) <= 8
        shown = client.get("/metrics").text
        assert f"persona_tf_answers_total {codes.count(200)}.0" in shown
        assert 'route="/api/v1/reply",status="200"' in shown


def test_a_bot_that_mixes_no_ways_is_asked_for_one_at_a_time(serving, fake, tmp_path):
    bot = fake.FakeBot(mixes=False)
    bot.gate.clear()
    with serving(lambda: bot, tmp_path / "c") as client:
        one, done = ask_in_threads(client, 4)
        other, more = ask_in_threads(client, 4, {**HI, "decoding": {"temperature": 0.5}})
        time.sleep(0.2)
        bot.gate.set()
        for thread in (*one, *other):
            thread.join()
        assert [response.status_code for response in (*done, *more)] == [200] * 8


def test_what_takes_too_long_is_given_up(serving, fake, tmp_path):
    bot = fake.FakeBot(delay=0.05)
    with serving(lambda: bot, tmp_path / "c", WebConfig(limits=Limits(seconds=0.1))) as client:
        late = client.post(REPLY, json=HI)
        assert (late.status_code, late.json()["error"]["code"]) == (504, "timeout")


def test_a_stop_finishes_what_runs(serving, fake, tmp_path):
    bot = fake.FakeBot(delay=0.02)
    with serving(lambda: bot, tmp_path / "c") as client:
        threads, done = ask_in_threads(client, 3)
        while sum(map(len, bot.batches)) < 3:
            time.sleep(0.005)
    for thread in threads:
        thread.join()
    assert [response.status_code for response in done] == [200] * 3


def test_a_port_in_use_is_said():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} is in use.*--port"):
            listen("127.0.0.1", port)
    with pytest.raises(ValueError, match="0 to 65535, got 70000"):
        listen("127.0.0.1", 70000)
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1"):
        listen("192.0.2.1", 0)

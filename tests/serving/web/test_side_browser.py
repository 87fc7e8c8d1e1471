"""The page on which two runs answer side by side, in a real browser."""

import csv
import io
import json
import pathlib

import pytest

from persona_tf.serving.web.pairs import Other

slow = pytest.mark.slow
SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


@pytest.fixture
def pair_server(serving, fake, draw, tmp_path):
    """A client of a server with two runs."""
    bots = fake.FakeBot(word="ALPHA"), fake.FakeBot(word="BETA")
    other = Other(lambda: bots[1], ("runs/a/0", "runs/b/0"), tmp_path / "pairs.sqlite")
    with serving(lambda: bots[0], tmp_path / "c", draw=draw, other=other) as client:
        client.bots = bots
        yield client


@pytest.fixture
def side(open_tab, pair_server):
    """The page."""
    page = open_tab(pair_server, "/side")
    page.wait_for_selector("#status.ready")
    yield page
    page.check()


def say(page, text):
    page.fill("#words", text)
    page.press("#words", "Enter")
    page.wait_for_selector(".picks")


def answers(page):
    return [text.strip() for text in page.locator(".answer .speech").all_inner_texts()]


def log(page):
    return [text.strip() for text in page.locator("#log .speech").all_inner_texts()]


def pick(page, key):
    page.press("#words", key)
    page.wait_for_selector("#pair-undo")


def counted(page):
    [tally] = page.client.get("/api/v1/pairs/counts").json()["tallies"]
    return {name: share["count"] for name, share in tally["picks"].items()}


@slow
def test_two_answer_and_one_is_picked(side, tmp_path):
    """With keys alone: picks, goes on from what was picked, changes its mind, skips; a reload loses nothing."""
    assert side.inner_text("#stage h2") == "Mill"
    say(side, "Hello")
    first = answers(side)
    assert {text.split()[0] for text in first} == {"ALPHA", "BETA"}
    assert side.locator("#spoken").text_content().startswith(f"A: {first[0]}, wave, smiles. B: {first[1]}")
    assert side.evaluate("document.activeElement.id") == "words"
    pick(side, "ArrowRight")
    assert log(side) == ["Hello", first[1]]
    assert side.locator(".answer").count() == 0
    # Both go on from the answer that was picked.
    say(side, "And now?")
    assert all("And now? after 3 turns" in text for text in answers(side))
    side.fill("#words", "Not yet")
    side.press("#words", "ArrowLeft")  # moves in what is written
    assert side.locator(".picks").count() == 1
    side.press("#words", "Enter")
    side.wait_for_selector(".note:has-text('First say which answer is better')")
    side.fill("#words", "")
    pick(side, "ArrowDown")
    assert log(side) == ["Hello", first[1]]
    side.click("#pair-undo")
    side.wait_for_selector(".picks")
    second = answers(side)
    assert log(side) == ["Hello", first[1], "And now?"]
    # Nothing is lost.
    side.reload()
    side.wait_for_selector(".picks")
    assert (answers(side), log(side)) == (second, ["Hello", first[1], "And now?"])
    assert side.input_value("[name='persona.facts']") == "I bake bread.\nI fear geese."
    pick(side, "ArrowUp")
    assert log(side)[-1] == second[0]
    side.reload()
    side.wait_for_selector("#pair-undo")
    assert log(side) == ["Hello", first[1], "And now?", second[0]]
    say(side, "Skip this")
    side.click("#pair-skip")
    side.wait_for_selector("#pair-undo")
    assert side.input_value("#words") == "Skip this"
    assert log(side)[-1] == second[0]
    # Counts are told when somebody wants to know.
    whose = "first" if first[1].startswith("ALPHA") else "second"
    assert counted(side) == {"first": 0, "second": 0, "tie": 1, "bad": 0} | {whose: 1}
    assert "runs/" not in side.inner_text("body")
    assert side.inner_text("#counts-total") == "Pairs that were picked: 2"
    side.click("#counts-more summary")
    side.wait_for_selector(".tally")
    rows = [row.split("\t") for row in side.locator(".tally tbody tr").all_inner_texts()]
    assert rows[2] == ["Alike", "1", "50%", "9–91%"]
    assert [row[0] for row in rows[:2]] == ["runs/a/0, step 7", "runs/b/0, step 7"]
    for kind in ("csv", "jsonl"):
        with side.expect_download() as waiting:
            side.click(f"#pairs-{kind}")
        assert waiting.value.suggested_filename == f"pairs.{kind}"
        waiting.value.save_as(tmp_path / kind)
    table = pathlib.Path(tmp_path / "csv").read_text(encoding="utf-8")
    assert sorted(row["picked"] for row in csv.DictReader(io.StringIO(table))) == sorted([whose, "tie"])
    lines = [json.loads(line) for line in (tmp_path / "jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line[line["left"]]["text"] for line in lines} == {first[0], second[0]}


@slow
def test_both_choose_words_as_the_sliders_say(side):
    assert side.locator("#seed").count() == side.locator("#slide-count").count() == 0
    side.locator("#slide-max_reply_tokens").fill("2")
    say(side, "Hello")
    assert sorted(answers(side)) == ["ALPHA You", "BETA You"]
    pick(side, "ArrowLeft")
    [line] = side.client.get("/api/v1/pairs.jsonl").text.splitlines()
    assert json.loads(line)["decoding"] == {"max_reply_tokens": 2}


@slow
def test_both_come_at_once_and_can_be_stopped(side):
    """The quicker is not told by its coming first, and what hangs does not hang the page."""
    quick, late = side.client.bots
    late.gate.clear()
    side.fill("#words", "Hello")
    side.press("#words", "Enter")
    side.wait_for_selector("#send[type=button]")
    side.until("document.querySelectorAll('.answer .live').length === 2")
    while not quick.batches or not late.batches:
        side.wait_for_timeout(20)
    assert answers(side) == ["", ""]
    assert side.inner_text("#status") == "both are writing …"
    side.press("body", "Escape")
    side.wait_for_selector("#send[type=submit]")
    assert side.input_value("#words") == "Hello"
    assert side.locator(".answer").count() == 0
    late.gate.set()
    say(side, "Hello again")
    assert all("Hello again after 1" in text for text in answers(side))


@slow
def test_another_scene_begins_anew_and_scripts_stay_text(side):
    say(side, "Hello")
    side.click('[data-act="pick/left"]')
    side.wait_for_selector("#pair-undo")
    side.click("#dice")
    side.until("document.querySelectorAll('#log .turn').length === 0")
    assert "#" not in side.url
    for box in side.locator("#panel .scene details > summary").all():
        box.click()
    for box in side.locator("#panel .scene :is(input, textarea)").all():
        box.fill(SCRIPT)
    say(side, SCRIPT)
    assert all(SCRIPT in text for text in answers(side))
    assert side.inner_text("#stage h2") == SCRIPT
    side.press("#words", "ArrowLeft")
    side.wait_for_selector("#pair-undo")
    assert side.locator("#talk script, #talk img, #panel script, #panel img").count() == 0


@slow
def test_words_names_and_a_phone(side, open_tab, pair_server):
    say(side, "Hello")
    side.click("#language")
    assert side.inner_text("#question") == "Какой ответ лучше?"
    assert side.title() == "Бок о бок – persona_tf"
    assert side.get_attribute("html", "lang") == "ru"
    phone = open_tab(pair_server, "/side", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    phone.wait_for_selector("#status.ready")
    say(phone, "Hello")
    boxes = [phone.locator(f".answer.{name}").bounding_box() for name in ("left", "right")]
    assert boxes[0]["x"] == boxes[1]["x"]
    assert boxes[0]["y"] < boxes[1]["y"]
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert phone.evaluate("document.activeElement.tagName") == "BODY"  # no keyboard lies over the answers
    phone.tap('[data-act="pick/bad"]')
    phone.wait_for_selector("#pair-undo")
    for page in (side, phone):
        named = page.get_by_role("link", name="Разговор" if page is side else "Talk", exact=True)
        assert named.count() == 1
        bare = page.evaluate(
            """() => [...document.querySelectorAll('button, input:not([aria-hidden]), select, textarea, a')].filter(
            (one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)
            ).map((one) => one.outerHTML)"""
        )
        assert bare == []
    phone.check()


@slow
def test_the_talk_leads_here_where_there_are_two_runs(open_tab, pair_server, client):
    page = open_tab(pair_server)
    page.wait_for_selector("#other-page")
    page.click("#other-page")
    page.wait_for_selector("#stage h2:has-text('Mill')")
    assert page.url == f"{page.at}/side"
    page.wait_for_selector("#status.ready")
    page.check()
    alone = open_tab(client, "/side")
    alone.wait_for_selector(".note.error:has-text('--other=RUN')")
    alone.goto(alone.at)
    alone.wait_for_selector("#status.ready")
    alone.until("document.querySelector('.talks .soft')?.textContent === 'None yet.'")
    assert alone.locator("#other-page").is_hidden()

"""The files of the page, over real HTTP."""

import re

import pytest

from persona_tf.serving.web.page import files

TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}


def test_the_page_is_there_before_the_bot_is(serving, fake, tmp_path):
    def load():
        raise OSError("no bot")

    with serving(load, tmp_path / "c", wait=False) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "require-trusted-types-for 'script'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("name", sorted(files()))
def test_a_file_has_its_type_and_comes_once(client, name):
    first = client.get(f"/page/{name}")
    assert first.status_code == 200
    assert first.headers["content-type"].split(";")[0] == TYPES[name.rpartition(".")[2]]
    again = client.get(f"/page/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert len(first.content) < 16_000
    assert first.text.count("\n") < 260


@pytest.mark.parametrize("name", ["nothing.js", "..%2fpage.py", "..%2F..%2Fapp.py", "page.py", ""])
def test_no_other_file_comes(client, name):
    assert client.get(f"/page/{name}").status_code == 404


def test_files_name_each_other_and_no_other_host():
    found = {name: text.decode() for name, text in files().items()}
    named = set(re.findall(r'"(?:\./|/page/)([\w.]+)(?:#\w+)?"', "".join(found.values()))) | {"icons.svg"}
    assert named == set(found) - {"index.html", "side.html"}
    for name, text in found.items():
        assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), name
    for page in (found["index.html"], found["side.html"]):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", page)


def test_every_icon_and_every_word_that_is_used_is_there():
    found = {name: text.decode() for name, text in files().items()}
    scripts = "".join(text for name, text in found.items() if name.endswith((".js", ".html")))
    icons = set(re.findall(r'<symbol id="(\w+)"', found["icons.svg"]))
    used = set(re.findall(r'(?:\bicon\(|iconButton\(|data-icon=|button\()"(\w+)"', scripts)) - {"Answer"}
    assert used - {"changed"} <= icons
    for language in ("en", "ru"):
        words = re.findall(r'^  "?([\w.]+)"?: "', found[f"words_{language}.js"], re.MULTILINE)
        assert len(words) == len(set(words))
        wanted = set(re.findall(r'\bt\("([\w.]+)"|data-(?:text|label)="([\w.]+)"', scripts))
        assert {one or other for one, other in wanted} <= set(words)

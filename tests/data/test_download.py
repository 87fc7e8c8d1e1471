import functools
import hashlib
import http.server
import os
import threading

import pytest

from persona_tf.data.download import download
from persona_tf.data.errors import DataError

CONTENT = bytes(i * 7919 % 251 for i in range(300_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; ``server.cut`` bytes an answer at most, ``server.ranges`` False sends all each time."""

    def do_GET(self):
        server = self.server
        server.requests.append(self.headers.get("Range"))
        if self.path != "/file":
            self.send_error(404)
            return
        start = 0
        wanted = self.headers.get("Range")
        if wanted and server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        body = CONTENT[start:]
        self.wfile.write(body if server.cut is None else body[: server.cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.requests, httpd.cut, httpd.ranges = [], None, True
        httpd.url = f"http://127.0.0.1:{httpd.server_port}/file"
        thread = threading.Thread(target=functools.partial(httpd.serve_forever, poll_interval=0.01))
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_download_with_progress(server, tmp_path):
    seen = []
    path = tmp_path / "new" / "data.pkl"
    download(server.url, path, SHA256, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert names(path.parent) == ["data.pkl"]


def test_the_right_file_is_not_fetched_again(server, tmp_path):
    (tmp_path / "x").write_bytes(CONTENT)
    download(server.url, tmp_path / "x", SHA256)
    assert server.requests == []


def test_another_file_at_that_place_is_left_alone(server, tmp_path):
    (tmp_path / "x").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"x: expected SHA-256 .* Move the file away"):
        download(server.url, tmp_path / "x", SHA256)
    assert (tmp_path / "x").read_bytes() == b"mine"
    assert server.requests == []


def test_a_part_is_continued_where_it_ends(server, tmp_path):
    (tmp_path / "x.part").write_bytes(CONTENT[:123_456])
    download(server.url, tmp_path / "x", SHA256)
    assert server.requests == ["bytes=123456-"]
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert names(tmp_path) == ["x"]


def test_a_server_that_cuts_the_connection_is_asked_again(server, tmp_path):
    server.cut = 100_000
    download(server.url, tmp_path / "x", SHA256)
    assert server.requests == [None, "bytes=100000-", "bytes=200000-"]
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_starts_again(server, tmp_path):
    server.ranges = False
    (tmp_path / "x.part").write_bytes(CONTENT[:1000])
    download(server.url, tmp_path / "x", SHA256)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_server_that_only_cuts_ends_with_the_part_kept(server, tmp_path):
    (tmp_path / "x.part").write_bytes(CONTENT[:1000])
    server.cut = 0
    with pytest.raises(DataError, match=r"cut; 1,000 bytes are kept in .*x\.part\. Run this again"):
        download(server.url, tmp_path / "x", SHA256)
    assert len(server.requests) == 3
    assert (tmp_path / "x.part").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"too much"])
def test_a_part_that_is_whole_or_too_long(server, tmp_path, part):
    (tmp_path / "x.part").write_bytes(part)
    download(server.url, tmp_path / "x", SHA256)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert names(tmp_path) == ["x"]


def test_a_wrong_hash_keeps_the_bytes_aside(server, tmp_path):
    with pytest.raises(DataError, match=rf"expected SHA-256 {'0' * 64}, received {SHA256}; kept as .*wrong-hash"):
        download(server.url, tmp_path / "x", "0" * 64)
    assert names(tmp_path) == ["x.wrong-hash"]


def test_a_part_of_something_else_fails_once_and_then_goes_well(server, tmp_path):
    (tmp_path / "x.part").write_bytes(b"0" * 1000)
    with pytest.raises(DataError, match="for a fresh copy"):
        download(server.url, tmp_path / "x", SHA256)
    download(server.url, tmp_path / "x", SHA256)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_an_answer_of_the_server_is_passed_on(server, tmp_path):
    with pytest.raises(DataError, match=r"answered 404 Not Found.*by other means and put it at .*/x\."):
        download(server.url + "/no", tmp_path / "x", SHA256)
    assert len(server.requests) == 1


def test_nobody_there(tmp_path):
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/x: .*Run this again"):
        download("http://127.0.0.1:9/x", tmp_path / "x", SHA256, timeout_s=2)


def test_a_part_that_cannot_be_written(server, tmp_path):
    (tmp_path / "x.part").mkdir()
    with pytest.raises(DataError, match=r"x\.part: cannot be written: .*run this again"):
        download(server.url, tmp_path / "x", SHA256)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_is_said_to_be_full(server, tmp_path):
    (tmp_path / "x.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"x\.part: cannot be written: .*No space left on device.*Make room"):
        download(server.url, tmp_path / "x", SHA256)
    assert len(server.requests) == 1
    assert names(tmp_path) == ["x.part"]


def test_where_no_hash_is_published_any_file_is_right(server, tmp_path):
    path = tmp_path / "a.zip"
    download(server.url, path, "")
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"another")
    download(server.url, path, "")
    assert path.read_bytes() == b"another"
    assert len(server.requests) == 1

import json
import socket
import threading
import time

import pytest

from persona_tf.training.meeting import Cluster, cluster_from, meet


@pytest.fixture
def addresses():
    """Three addresses where nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    found = tuple("{}:{}".format(*each.getsockname()) for each in sockets)
    for each in sockets:
        each.close()
    return found


def _meet_all(addresses, whats, delays=(0, 0, 0), patience_s=20.0):
    """What came of each worker: None, or the error."""
    found = {}

    def run(index):
        time.sleep(delays[index])
        try:
            found[index] = meet(Cluster(addresses, index), whats[index], patience_s)
        except (ValueError, OSError) as error:
            found[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in whats]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("delays", [(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0.2)], ids=str)
def test_workers_meet_whoever_comes_first(addresses, delays):
    assert _meet_all(addresses, dict.fromkeys(range(3), "a"), delays) == dict.fromkeys(range(3))


def test_the_address_is_free_afterwards(addresses):
    _meet_all(addresses, dict.fromkeys(range(3), "a"))
    host, port = addresses[0].split(":")
    socket.create_server((host, int(port))).close()


def test_a_worker_that_never_comes_is_named(addresses):
    begin = time.monotonic()
    found = _meet_all(addresses, {0: "a", 1: "a"}, patience_s=1.0)
    assert time.monotonic() - begin < 15
    message = rf"waited 1 s at {addresses[0]} for worker 2 \({addresses[2]}\): not there"
    with pytest.raises(TimeoutError, match=message):
        raise found[0]
    with pytest.raises(ValueError, match=r"the first worker, at .* has given up: it says why"):
        raise found[1]


def test_a_first_worker_that_never_comes_is_named(addresses):
    [error] = _meet_all(addresses, {1: "a"}, patience_s=0.5).values()
    with pytest.raises(TimeoutError, match=rf"waited 0 s for the first worker at {addresses[0]}"):
        raise error


def test_workers_that_train_something_else_are_refused(addresses):
    found = _meet_all(addresses[:2], {0: "quickstart 1a", 1: "quickstart 2b"}, patience_s=10)
    with pytest.raises(ValueError, match="worker 1 is to train 'quickstart 2b', this one 'quickstart 1a'"):
        raise found[0]
    assert isinstance(found[1], ValueError)


def test_whoever_else_calls_is_no_worker(addresses):
    found = {}
    thread = threading.Thread(target=lambda: found.update(_meet_all(addresses[:2], {0: "a", 1: "a"}, (0, 1.5))))
    thread.start()
    host, port = addresses[0].split(":")
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"", b'[7, "a"]\n'):
        for _ in range(100):
            try:
                with socket.create_connection((host, int(port))) as call:
                    call.sendall(said)
                break
            except OSError:
                time.sleep(0.05)
    thread.join()
    assert found == {0: None, 1: None}


def _config(workers=("a:1", "b:2"), **task):
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0, **task}})}


def test_the_cluster_of_the_environment():
    assert cluster_from({}) is None
    assert cluster_from(_config(["a:1"])) is None
    assert cluster_from(_config(index=1)) == Cluster(("a:1", "b:2"), 1)
    assert cluster_from(_config(index="0")).is_chief
    assert not cluster_from(_config(index=1)).is_chief


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_CONFIG": "{"},
        {"TF_CONFIG": "[]"},
        {"TF_CONFIG": '{"cluster": {}}'},
        _config(index=2),
        _config(index="x"),
        _config(type="chief"),
        _config(["a", "b:1"]),
        _config(["a:", "b:1"]),
    ],
    ids=str,
)
def test_a_malformed_cluster(environment):
    with pytest.raises(ValueError, match=r"TF_CONFIG: .*; expected \{\"cluster\": \{\"worker\""):
        cluster_from(environment)

"""Downloads with progress, resumption and a hash. The standard library only.

Bytes go to ``NAME.part``; the file takes its name when its hash is right. What stands
at NAME is never touched.
"""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from persona_tf.data.errors import DataError
from persona_tf.data.progress import Progress
from persona_tf.data.source_file import sha256_of

_CHUNK_BYTES = 1 << 16
_LOST = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


def download(
    url: str,
    path: Path,
    sha256: str,
    progress: Progress | None = None,
    attempts: int = 3,
    timeout_s: float = 30.0,
) -> None:
    """Brings ``url`` to ``path``, continuing a ``.part`` that an earlier run left.

    Does nothing when the right file is there. Where nobody publishes a hash, ``sha256`` is "", and any file is right:
    look into it. A lost connection is taken up again, at most ``attempts``
    times in a row without a new byte.

    Raises:
      DataError: another file stands at ``path``; the connection is lost for good (the part stays, run again);
        the hash is wrong (the bytes are kept as ``NAME.wrong-hash``).
    """
    if path.exists():
        found = sha256_of(path) if sha256 else ""
        if found == sha256:
            return
        raise DataError(f"{path}: expected SHA-256 {sha256}, found {found}. Move the file away, then run this again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    _fetch_all(url, part, sha256, progress or _silent, attempts, timeout_s)
    found = sha256_of(part) if sha256 else ""
    if found != sha256:
        aside = path.with_name(path.name + ".wrong-hash")
        part.replace(aside)
        raise DataError(
            f"{url}: expected SHA-256 {sha256}, received {found}; kept as {aside}. Run this again for a "
            f"fresh copy; if the hash is the same again, the published file has changed."
        )
    part.replace(path)


def _fetch_all(url: str, part: Path, sha256: str, progress: Progress, attempts: int, timeout_s: float) -> None:
    failures = 0
    while True:
        before = _size(part)
        try:
            if _fetch(url, part, sha256, progress, timeout_s):
                return
            reason = "the connection was cut"
        except urllib.error.HTTPError as error:
            error.close()
            # The server answered, and will answer the same again.
            raise DataError(f"{url}: the server answered {error.code} {error.reason}. {_by_hand(part)}") from error
        except _LOST as error:
            reason = str(error) or type(error).__name__
        except OSError as error:
            raise DataError(
                f"{part}: cannot be written: {error}. Make room, then run this again; what is there stays."
            ) from error
        failures = 0 if _size(part) > before else failures + 1
        if failures >= attempts:
            raise DataError(
                f"{url}: {reason}; {_size(part):,} bytes are kept in {part}. Run this again to go on. {_by_hand(part)}"
            )


def _fetch(url: str, part: Path, sha256: str, progress: Progress, timeout_s: float) -> bool:
    """One request from where the part ends; True when the file is complete."""
    done = _size(part)
    headers = {"User-Agent": "persona_tf", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not done:
            raise
        error.close()
        if sha256_of(part) == sha256:
            return True
        part.unlink()  # Longer than the file: not the beginning of it.
        return False
    with response:
        resumed = response.status == 206 and _starts_at(response, done)
        if not resumed:
            done = 0  # The server sends everything again.
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        with part.open("ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                progress(done, total)
    return total is None or done == total


def _starts_at(response: http.client.HTTPResponse, start: int) -> bool:
    return response.headers.get("Content-Range", "").removeprefix("bytes ").startswith(f"{start}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _by_hand(part: Path) -> str:
    return f"Or fetch it by other means and put it at {part.with_name(part.name.removesuffix('.part'))}."


def _silent(done: int, total: int | None) -> None:
    pass

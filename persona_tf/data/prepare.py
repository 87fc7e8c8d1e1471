"""`persona_tf data prepare SOURCE`: brings a source's files to their place, or says what is to do."""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from persona_tf.atomic_file import atomic_file, write_atomically
from persona_tf.data import toloka, wow
from persona_tf.data.convai2 import PERSONAS, SPLITS, VERSIONS
from persona_tf.data.download import download
from persona_tf.data.errors import DataError
from persona_tf.data.progress import ProgressLine
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import SourceFile, sha256_of
from persona_tf.data.sources import Source, source_named
from persona_tf.data.toloka_files import parse_toloka

Say = Callable[[str], None]

CONVAI2_FILES = frozenset(
    f"{split}_{persona}_{version}{ending}.txt"
    for split in SPLITS
    for persona in PERSONAS
    for version in VERSIONS
    for ending in ("", "_no_cands")
)
"""The members of ConvAI2's archive that are unpacked."""


def prepare(
    source: str | Source, data_dir: Path | str, say: Say = print, options: Mapping[str, Any] | None = None
) -> None:
    """Downloads, unpacks or generates what the source needs under ``data_dir``; what is there already stays.

    Args:
      source: a key of SOURCES, or a Source.
      data_dir: DATA_DIR.
      say: takes one line of text at a time: progress, and what was done.
      options: the source's options (fields of the world's config).

    Raises:
      DataError: a download fails or has the wrong hash; the message says what to do.
    """
    chosen = source_named(source) if isinstance(source, str) else source
    folder = Path(data_dir)
    if chosen.name == "world":
        _generate(chosen, folder, say, options or {})
    elif chosen.name == "convai2":
        _convai2(chosen, folder, say)
    elif chosen.name == "toloka":
        _toloka(folder, say)
    elif chosen.name == "wow":
        _wow(folder, say)
    elif chosen.files:
        for file in chosen.files:
            _download(file, folder, say)
    else:
        path = folder / chosen.by_hand
        there = "it is there" if path.exists() else "it is missing"
        say(f"{chosen.name}: nothing to download. Put the file at {path} ({there}).")


def unpack_convai2(archive: Path, folder: Path) -> list[Path]:
    """Writes the archive's text files into ``folder``; a file that is there already is left as it is.

    Raises:
      DataError: the archive is broken, or holds none of CONVAI2_FILES.
      OSError: a file cannot be read or written, for instance because the disk is full.
    """
    return _unpack_tar(archive, folder, CONVAI2_FILES)


def unpack_wow(archive: Path, folder: Path) -> list[Path]:
    """The same for Wizard of Wikipedia's `wow.FILES`.

    Raises:
      DataError: the archive is broken, or holds none of them.
      OSError: as there.
    """
    return _unpack_tar(archive, folder, frozenset(wow.FILES.values()))


def _unpack_tar(archive: Path, folder: Path, names: frozenset[str]) -> list[Path]:
    written = []
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                # Only the known names, and only below `folder`: a member's own path is never used.
                name = PurePosixPath(member.name).name
                content = tar.extractfile(member) if member.isfile() and name in names else None
                if content is None or (folder / name).exists():
                    continue
                with atomic_file(folder / name) as file:
                    shutil.copyfileobj(content, file)
                written.append(folder / name)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of what is in the archive
        raise DataError(f"{archive}: the archive is broken: {error}. {_AGAIN}") from error
    if not written and not any((folder / name).exists() for name in names):
        raise DataError(f"{archive}: none of {', '.join(sorted(names))} in it. Move it away and prepare again.")
    return written


def unpack_toloka(archive: Path, folder: Path) -> list[Path]:
    """Writes the archive's two tables into ``folder``; a file that is there already is left as it is.

    Raises:
      DataError: the archive is broken, or lacks a table.
      OSError: a file cannot be read or written, for instance because the disk is full.
    """
    written = []
    try:
        with zipfile.ZipFile(archive) as zip:
            # As in ConvAI2's: a member's own path is never used.
            members = {PurePosixPath(name).name: name for name in zip.namelist()}
            for file in (toloka.PROFILES, toloka.TABLE):
                path = folder / PurePosixPath(file.name).name
                if path.exists():
                    continue
                if path.name not in members:
                    raise DataError(f"{archive}: no {path.name} in it. {_AGAIN}")
                write_atomically(path, zip.read(members[path.name]))
                written.append(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"{archive}: the archive is broken: {error}. {_AGAIN}") from error
    return written


_AGAIN = "Move it away and prepare again."


def _download(file: SourceFile, data_dir: Path, say: Say) -> Path:
    path = file.path(data_dir)
    there = path.exists()
    download(file.url, path, file.sha256, ProgressLine(say, path.name, unit="MB", per_unit=1_000_000))
    known = "its hash is right" if file.sha256 else "nobody publishes its hash"
    say(f"{path}: {'was there' if there else 'downloaded'}, {known}")
    return path


def _convai2(source: Source, data_dir: Path, say: Say) -> None:
    folder = data_dir / "convai2"
    # With candidates or without: either form of a file will do.
    missing = sorted(
        name
        for name in CONVAI2_FILES
        if name.endswith("_no_cands.txt")
        and not (folder / name).exists()
        and not (folder / name.replace("_no_cands", "")).exists()
    )
    if not missing:
        say(f"{folder}: all files are there; nothing to do")
        return
    for file in source.files:
        written = unpack_convai2(_download(file, data_dir, say), folder)
        say(f"{folder}: unpacked {', '.join(sorted(path.name for path in written)) or 'nothing new'}")


def _wow(data_dir: Path, say: Say) -> None:
    folder = data_dir / "wow"
    if all((folder / name).exists() for name in wow.FILES.values()):
        say(f"{folder}: all files are there; nothing to do")
        return
    written = unpack_wow(_download(wow.ARCHIVE, data_dir, say), folder)
    say(f"{folder}: unpacked {', '.join(sorted(path.name for path in written)) or 'nothing new'}")


def _toloka(data_dir: Path, say: Say) -> None:
    folder = data_dir / "toloka"
    if not toloka.TABLE.path(data_dir).exists() and not list(folder.glob("*.jsonl")):
        archive = _download(toloka.ARCHIVE, data_dir, say)
        written = unpack_toloka(archive, folder)
        say(f"{folder}: unpacked {', '.join(path.name for path in written) or 'nothing new'}")
    skips, path = Skips(), toloka.toloka_path(data_dir)
    found = sum(1 for _ in parse_toloka(path, skips))
    say(f"{path}: {found:,} of the {toloka.PUBLISHED[toloka.TABLE]:,} dialogues published. {skips.report()}".rstrip())
    if (profiles := toloka.PROFILES.path(data_dir)).is_file():
        right = "its hash is right" if sha256_of(profiles) == toloka.PROFILES.sha256 else "its hash is another"
        found = sum(1 for _ in toloka.read_profiles(data_dir))
        say(f"{profiles}: {found:,} of the {toloka.PUBLISHED[toloka.PROFILES]:,} profiles published; {right}")


def _generate(source: Source, data_dir: Path, say: Say, options: Mapping[str, Any]) -> None:
    from persona_tf.data.world_cache import prepare_world, world_config

    config = world_config(options)
    for split in source.splits:
        say(f"{prepare_world(split, data_dir, config, say)}: {config.size(split):,} dialogues")

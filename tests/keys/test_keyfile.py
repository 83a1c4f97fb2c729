"""Key files: created atomically and readable by their owner only; other content is refused."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import tink
from tink import aead, daead, json_proto_keyset_format, mac, secret_key_access, streaming_aead

from shared.errors import KeyProblem, NotGood, UsageError
from shared.keys import open_key
from shared.keys.keyfile import KeyFile


def test_created_key_file_unwraps_after_reading_it_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = KeyFile.create(path)
    read = KeyFile.read(path)
    assert read.unwrap(made.wrap(b"secret", b"context"), b"context") == b"secret"
    assert read.name == made.name
    opened = open_key(f"file:{path}")
    assert opened is not None
    assert opened.name == made.name


def test_key_file_has_mode_0600_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        KeyFile.create(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("there", ["file", "empty file", "folder", "link to nothing"])
def test_key_file_never_overwrites_an_existing_path(tmp_path: Path, there: str) -> None:
    path = tmp_path / "key"
    match there:
        case "file":
            path.write_bytes(b"precious")
        case "empty file":
            path.touch()
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "nowhere")
    before = path.lstat()
    with pytest.raises(UsageError, match="it exists"):
        KeyFile.create(path)
    assert path.lstat() == before
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_key_file_below_a_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyProblem, match="cannot create key file"):
        KeyFile.create(tmp_path / "file" / "deeper" / "key")


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_kill_during_creation_leaves_no_partial_key_file(tmp_path: Path, call: str) -> None:
    """The process is killed right before the bytes are synced, and right before the file gets its name."""
    script = f"""
import os, sys, signal
from pathlib import Path
from shared.keys.keyfile import KeyFile
os.{call} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
KeyFile.create(Path(sys.argv[1]))
"""
    path = tmp_path / "key"
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False, cwd=Path.cwd())
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()
    KeyFile.create(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620, 0o602, 0o610, 0o601])
def test_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    KeyFile.create(path)
    path.chmod(mode)
    with pytest.raises(KeyProblem, match=f"mode {mode:04o}.*chmod 600 {path}"):
        KeyFile.read(path)


def test_missing_key_file_error_says_how_to_restore_or_create_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(KeyProblem, match=f"restore it from where you keep it.*litekeep keygen {path}"):
        KeyFile.read(path)


def test_folder_or_pipe_is_refused_as_key_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, what in ((tmp_path, "a folder"), (tmp_path / "pipe", "not a regular file")):
        with pytest.raises(KeyProblem, match=what):
            KeyFile.read(path)


def _keyset(template: object) -> bytes:
    for module in (aead, daead, mac, streaming_aead):
        module.register()
    handle = tink.new_keyset_handle(template)
    return json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"primaryKeyId": 1, "key": []}',
        _keyset(aead.aead_key_templates.AES128_GCM),
        _keyset(aead.aead_key_templates.XCHACHA20_POLY1305),
        _keyset(daead.deterministic_aead_key_templates.AES256_SIV),
        _keyset(mac.mac_key_templates.HMAC_SHA256_256BITTAG),
        _keyset(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB),
        _keyset(aead.aead_key_templates.AES256_GCM)[:-20],
    ],
)
def test_malformed_key_file_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyProblem, match="is not a key that `litekeep keygen` made") as refused:
        KeyFile.read(path)
    assert refused.value.__suppress_context__
    assert "\n" not in str(refused.value)


def test_changed_byte_in_key_file_is_detected(tmp_path: Path) -> None:
    """A changed file is refused, has another fingerprint, or is still the same key."""
    path = tmp_path / "key"
    key = KeyFile.create(path)
    wrapped = key.wrap(b"secret", b"context")
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        try:
            changed = KeyFile.read(path)
        except KeyProblem:
            continue
        if changed.name == key.name:
            try:
                assert changed.unwrap(wrapped, b"context") == b"secret"
            except NotGood:
                continue  # the key id was changed, with which each ciphertext begins


def test_unwrap_refuses_wrong_key_context_or_content(tmp_path: Path) -> None:
    key, other = KeyFile.create(tmp_path / "key"), KeyFile.create(tmp_path / "other")
    wrapped = key.wrap(b"secret", b"context")
    assert key.name != other.name
    attempts = [(other, wrapped, b"context"), (key, wrapped, b"contexT"), (key, wrapped, b""), (key, b"", b"context")]
    attempts += [
        (key, wrapped[:n] + bytes([wrapped[n] ^ 1]) + wrapped[n + 1 :], b"context") for n in range(len(wrapped))
    ]
    attempts += [(key, wrapped[:n], b"context") for n in range(len(wrapped))]
    for used, content, context in attempts:
        with pytest.raises(NotGood, match=used.name):
            used.unwrap(content, context)


def test_key_name_is_a_short_fingerprint_without_key_material(tmp_path: Path) -> None:
    key = KeyFile.create(tmp_path / "key")
    kind, _, fingerprint = key.name.partition(":")
    assert kind == "file"
    assert len(bytes.fromhex(fingerprint)) == 8
    assert fingerprint not in (tmp_path / "key").read_text()


def test_setting_none_opens_no_key() -> None:
    assert open_key("none") is None

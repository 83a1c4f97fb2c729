"""Mounts small and read-only file systems, if this user may."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tiny_disk(folder: Path, size: str) -> Iterator[None]:
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    with _mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield


@contextmanager
def _mounted(folder: Path, *options: str) -> Iterator[None]:
    if os.getuid() or subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount, and not everywhere")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)

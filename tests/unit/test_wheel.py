"""The library's wheel has the same bytes for the same files, and is one that Python and pip understand."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra import wheel


@pytest.fixture
def package(tmp_path: Path) -> Path:
    source = tmp_path / "lakehouse"
    (source / "domains" / "__pycache__").mkdir(parents=True)
    (source / "__init__.py").write_text("NAME = 'from the wheel'\n")
    (source / "domains" / "contract.yaml").write_text("a: 1\n")
    (source / "domains" / "__pycache__" / "x.pyc").write_bytes(b"x")
    return source


def test_bytes_depend_on_the_files_alone(package: Path) -> None:
    first = wheel.build(package)
    os.utime(package / "__init__.py", (1_000_000_000, 1_000_000_000))
    (package / "domains" / "__pycache__" / "y.pyc").write_bytes(b"y")
    assert wheel.build(package) == first


@pytest.mark.parametrize("change", ["NAME = 'other'\n", "NAME = 'from the wheel'  \n"])
def test_bytes_change_with_the_files(package: Path, change: str) -> None:
    first = wheel.build(package)
    (package / "__init__.py").write_text(change)
    assert wheel.build(package) != first


def test_several_packages_share_it(package: Path) -> None:
    other = package.parent / "datagen"
    other.mkdir()
    (other / "__init__.py").write_text("")
    with zipfile.ZipFile(io.BytesIO(wheel.build(package, other))) as opened:
        assert {"lakehouse/__init__.py", "datagen/__init__.py"} <= set(opened.namelist())


def test_python_imports_from_it_and_pip_would_install_it(package: Path, tmp_path: Path) -> None:
    path = tmp_path / wheel.file_name()
    path.write_bytes(wheel.build(package))
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        [record] = [name for name in names if name.endswith(".dist-info/RECORD")]
        assert sorted(line.split(",")[0] for line in opened.read(record).decode().splitlines()) == sorted(names)
        metadata = opened.read(record.replace("RECORD", "METADATA")).decode()
    assert "Name: lakehouse\n" in metadata
    assert "Requires-Dist: pyarrow\n" in metadata
    assert not any("__pycache__" in name for name in names)
    asked = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(path)!r}); import lakehouse; print(lakehouse.NAME)",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert asked.stdout == "from the wheel\n"

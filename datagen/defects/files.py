"""Files that arrive besides the sound ones: cut, damaged, empty, none of ours, or the same once more.

Each is made so that one thing is wrong with it, which the first check that could complain finds: is there anything,
does it inflate, is it a page or binary, is it text in an encoding that the contract knows, is there a header or JSON.
They are made from the sound file's text, whatever dialect that file itself was delivered in.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from datagen.defects.dialects import Fits, any_file, is_delimited, is_gzip
from datagen.defects.drift import stranger
from datagen.defects.model import AnyDefect, FileDefect, Shape, Sound, Tier, is_utf8
from datagen.writers import Text, gzipped, header_line
from lakehouse.contract import SourceContract

Content = Callable[[random.Random, Sound], bytes]

_MIB = 1 << 20


def _packed(sound: Sound, data: bytes) -> bytes:
    """Compressed where the name says so: what is wrong is inside."""
    return gzipped(data) if sound.shape.format.is_gzip else data


def is_array(shape: Shape, contract: SourceContract) -> bool:
    """Fits text that is a JSON array."""
    return shape.layout.kind == "json"


def _has_key(shape: Shape, contract: SourceContract) -> bool:
    return is_delimited(shape, contract) and any(name in shape.layout.header for name in contract.key)


# --- nothing in it


def _empty(chance: random.Random, sound: Sound) -> bytes:
    return b""


def _blank(chance: random.Random, sound: Sound) -> bytes:
    return _packed(sound, "".join(chance.choices(" \t\n", k=chance.randint(1, 200))).encode())


def _no_rows(chance: random.Random, sound: Sound) -> bytes:
    return _packed(sound, (sound.text.head if sound.shape.layout.kind == "delimited" else "[]\n").encode())


# --- damaged archives


def cut_archive(chance: random.Random, sound: Sound) -> bytes:
    """A gzip stream that ends early."""
    data = gzipped(sound.text.encode())
    return data[: len(data) * chance.randint(30, 90) // 100]


def _wrong_checksum(chance: random.Random, sound: Sound) -> bytes:
    data = bytearray(gzipped(sound.text.encode()))
    data[-8 + chance.randrange(4)] ^= 1 << chance.randrange(8)
    return bytes(data)


def _followed(chance: random.Random, sound: Sound) -> bytes:
    """A gzip stream, and a line that a script printed into the file after it."""
    return gzipped(sound.text.encode()) + b"done: 1 file(s) written\n"


_BOMB_MEMBERS = 1_100


def _bomb(chance: random.Random, sound: Sound) -> bytes:
    """A few lines, and then more than a gigabyte of blanks: each MiB of them takes 1 KB. Never inflated here."""
    lines = Text(sound.text.head, sound.text.lines.slice(0, 100), "")
    return gzipped(lines.encode()) + gzipped(b" " * _MIB) * _BOMB_MEMBERS


# --- something else


_HTML = """<!DOCTYPE html>
<html><head><title>503 Service Temporarily Unavailable</title></head>
<body><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>proxy {number:04x}</center></body></html>
"""
_XML = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>{number:016X}</RequestId></Error>
"""


def _page(template: str) -> Content:
    def content(chance: random.Random, sound: Sound) -> bytes:
        data = template.format(number=chance.getrandbits(16)).encode()
        # Whoever asks for an archive and gets a page saves it under the archive's name, as it is.
        return chance.choice((data, _packed(sound, data)))

    return content


def _half_zeros(chance: random.Random, sound: Sound) -> bytes:
    """As a file system leaves a file whose room was taken and never filled."""
    data = sound.text.encode()
    return _packed(sound, data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def _in_latin_1(chance: random.Random, sound: Sound) -> bytes:
    """What Latin-1 lacks comes as question marks. Where there is nothing but ASCII, a place of origin follows."""
    data = sound.text.encode().decode().encode("latin-1", "replace")
    return _packed(sound, data + "Orléans\n".encode("latin-1") if is_utf8(data) else data)


# --- no header, no JSON


def _headless(chance: random.Random, sound: Sound) -> bytes:
    """Rows only, from the first one on of which no cell could be the name of a column."""
    lines, known = sound.text.lines, sound.contract.header_lookup

    def is_no_header(place: int) -> bool:
        cells = re.split(r'[,;\t|"]', lines[place].as_py())
        return not any(cell.strip().lower() in known for cell in cells)

    first = next(filter(is_no_header, range(len(lines))), 0)
    return _packed(sound, Text("", lines.slice(first), "").encode())


def _without_key(chance: random.Random, sound: Sound) -> bytes:
    """A column of the key under a name that nobody knows."""
    layout, contract = sound.shape.layout, sound.contract
    key = chance.choice([name for name in contract.key if name in layout.header])
    title = stranger(contract, ("internal_reference", "reference_of_record"))
    head = header_line(replace(layout, header={**layout.header, key: title}))
    return _packed(sound, replace(sound.text, head=head).encode())


def _endless(chance: random.Random, sound: Sound) -> bytes:
    """The line ends were lost: all of it is one line, of more than 4 MiB."""
    line = re.sub(rb"[\r\n]+", b" ", sound.text.encode())
    return _packed(sound, line * (5 * _MIB // len(line) + 1))


def cut_array(chance: random.Random, sound: Sound) -> bytes:
    """A JSON array that ends early, though between two characters."""
    data = sound.text.encode()
    end = max(2, len(data) * chance.randint(30, 90) // 100)
    while data[end] & 0xC0 == 0x80:
        end -= 1
    return _packed(sound, data[:end])


def _stray_brace(chance: random.Random, sound: Sound) -> bytes:
    """A JSON array with a brace too many behind its last object."""
    return _packed(sound, sound.text.encode().rstrip().removesuffix(b"]") + b"}]\n")


# --- names


_TEMPORARY = ("{0}{1}.part", "{0}{1}.tmp", "{0}{1}.crdownload", "{0}.{1}", "{0}_{1}", "{0}{1}~")


def _half_done(chance: random.Random, sound: Sound) -> tuple[str, bytes]:
    """What an upload under way looks like, or a file that its sender hides."""
    folder, slash, name = sound.shape.name.rpartition("/")
    data = sound.data[: max(1, len(sound.data) * chance.randint(10, 100) // 100)]
    return chance.choice(_TEMPORARY).format(folder + slash, name), data


def _copy(chance: random.Random, sound: Sound) -> tuple[str, bytes]:
    """Under a name that sorts after the first one: whoever reads in order reads the first one first."""
    extension = sound.shape.format.extension
    return f"{sound.shape.name.removesuffix(extension)}_copy{extension}", sound.data


def _copy_elsewhere(chance: random.Random, sound: Sound) -> tuple[str, bytes]:
    return f"resent/{sound.shape.name}", sound.data


def _refused(name: str, reason: str, content: Content, share: float, fits: Fits, tier: Tier = "messy") -> FileDefect:
    """A file that is refused for a reason, named after what is wrong with it."""
    return FileDefect(
        name=name,
        share=share,
        tier=tier,
        fits=fits,
        spoil=lambda chance, sound: (sound.shape.named(name), content(chance, sound)),
        reason=reason,
    )


FILES: Sequence[AnyDefect] = (
    _refused("empty_file", "empty_file", _empty, share=0.01, tier="light", fits=any_file),
    _refused("white_space_only", "empty_file", _blank, share=0.008, fits=any_file),
    FileDefect(
        name="header_only",
        share=0.02,
        fits=lambda shape, contract: is_delimited(shape, contract) or is_array(shape, contract),
        spoil=lambda chance, sound: (sound.shape.named("no_rows"), _no_rows(chance, sound)),
        verdict="accepted",
        reason=None,
        is_once=True,
        recoverable=True,
    ),
    _refused("header_missing", "header_missing", _headless, share=0.015, fits=is_delimited),
    _refused(
        "wrong_header",
        "header_mismatch",
        _without_key,
        share=0.015,
        fits=lambda shape, contract: _has_key(shape, contract) and contract.drift != "freeze",
    ),
    _refused("truncated_gzip", "truncated_gzip", cut_archive, share=0.02, tier="light", fits=is_gzip),
    _refused("corrupt_gzip", "corrupt_gzip", _wrong_checksum, share=0.015, fits=is_gzip),
    _refused("trailing_garbage", "trailing_garbage", _followed, share=0.015, fits=is_gzip),
    _refused("truncated_json", "truncated_json", cut_array, share=0.03, tier="light", fits=is_array),
    _refused("stray_brace", "malformed_json", _stray_brace, share=0.03, fits=is_array),
    _refused("html_page", "html_page", _page(_HTML), share=0.01, tier="light", fits=any_file),
    _refused("xml_page", "html_page", _page(_XML), share=0.006, fits=any_file),
    _refused("binary_content", "binary_content", _half_zeros, share=0.008, fits=any_file),
    _refused(
        "not_utf8", "wrong_encoding", _in_latin_1, share=0.01, fits=lambda shape, contract: contract.encoding is None
    ),
    _refused("zip_bomb", "zip_bomb", _bomb, share=0.002, tier="hostile", fits=is_gzip),
    _refused("long_line", "line_too_long", _endless, share=0.002, tier="hostile", fits=is_delimited),
    FileDefect(
        name="temporary_name",
        share=0.01,
        tier="light",
        fits=any_file,
        spoil=_half_done,
        verdict="ignored",
        reason="temporary_name",
    ),
    FileDefect(
        name="same_bytes",
        share=0.01,
        tier="light",
        fits=any_file,
        spoil=_copy,
        verdict="duplicate_content",
        reason=None,
        recoverable=True,
    ),
    FileDefect(
        name="same_bytes_elsewhere",
        share=0.008,
        fits=any_file,
        spoil=_copy_elsewhere,
        verdict="duplicate_content",
        reason=None,
        recoverable=True,
    ),
)

"""Archives that `get_file` unpacks, each in the guarded child: nothing may lie outside, and nothing may explode."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import pytest

from tests.attacks.harness import load_in_child


def tar(*members, format=tarfile.PAX_FORMAT):
    """An archive of (name, content, changes of the header)."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=format) as archive:
        for name, content, changes in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            for key, value in changes.items():
                setattr(header, key, value)
            archive.addfile(header, io.BytesIO(content))
    return memory.getvalue()


def link(kind, target):
    return tar(("a", b"", {"type": kind, "linkname": target}), ("a/b", b"x", {}))


def header(name=b"a", size=0, kind=b"0", magic=b"ustar\x0000"):
    """A single header with any size, with the sum that belongs to it."""
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + bytes(16) + size.to_bytes(12, "big") + b"0" * 11 + b"\0"
                      + b" " * 8 + kind + bytes(100) + magic).ljust(512, b"\0")
    block[124] |= 0x80  # sizes of more than 8 GB are written so
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def sparse():
    """A file of eight gigabytes of holes."""
    block = bytearray(header(kind=b"S", magic=b"ustar  \0"))
    block[386:410] = b"00000000000\x00" * 2
    block[483:495] = b"77777777777\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


def zeros(megabytes, begin):
    """So many megabytes of zeros behind a beginning, as a gzip file whose end is missing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + head + piece * megabytes + packer.flush()


def zipped(*names, packing=zipfile.ZIP_STORED, mode=0o100644, content=b"x"):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", packing) as archive:
        for name in names:
            member = zipfile.ZipInfo(name)
            member.external_attr, member.compress_type = mode << 16, packing
            archive.writestr(member, content)
    return memory.getvalue()


def changed(content, at, new):
    return content[:at] + new + content[at + len(new):]


NAMES = ["../out", "/tmp/evil", "a/../../out", "C:\\evil", "a\\..\\..\\out", "con", "aux.txt", "a/nul", "x" * 300,
         "a\x01b", "a:stream", "/".join("a" * 200)]
ATTACKS = {
    **{f"tar {name[:20]!r}": tar((name, b"x", {})) for name in NAMES},
    **{f"zip {name[:20]!r}": zipped(name) for name in NAMES},
    "symbolic link": link(tarfile.SYMTYPE, "/tmp"), "hard link": link(tarfile.LNKTYPE, "/etc/passwd"),
    "named pipe": tar(("a", b"", {"type": tarfile.FIFOTYPE})), "device": tar(("a", b"", {"type": tarfile.CHRTYPE})),
    "link in a zip": zipped("a", mode=0o120777), "pipe in a zip": zipped("a", mode=0o010644),
    "the same twice": tar(("a", b"x", {}), ("a", b"y", {})),
    "file, then folder": tar(("a", b"x", {}), ("a/b", b"y", {})),
    "file, then an empty folder": tar(("a", b"x", {}), ("a", b"", {"type": tarfile.DIRTYPE})),
    "file, then folder below": tar(("a", b"x", {}), ("a/b/c", b"y", {})),
    "only holes": sparse(), "a file of 2**90 bytes": header(size=1 << 90) + bytes(1024),
    "a file below zero": changed(header(), 124, b"\xff" * 12) + bytes(1024),
    "a name of two gigabytes": zeros(400, header(b"././@LongLink", 2 << 30, b"L", b"ustar  \0")),
    "facts of two gigabytes": zeros(400, header(b"pax", 2 << 30, b"x")),
    "a file of zeros": zeros(40, header(size=40 << 20)),
    "a thousand folders deep": tar(("a/" * 1500 + "b", b"", {})),
    "names that are no text": header(b"\xff\xfe/\x80") + bytes(1024),
    "cut off": gzip.compress(tar(("a", b"x" * 9999, {})))[:-40],
    "wrong sum": changed(tar(("a", b"x", {})), 10, b"z"), "bzip2 that is none": b"BZh9" + bytes(100),
    "xz that is none": b"\xfd7zXZ\0" + bytes(100), "nothing": b"", "a picture": b"\x89PNG\r\n\x1a\n" + bytes(600),
    "zip with the wrong sum": changed(zipped("a", content=b"abcdef"), 32, b"X"), "encrypted zip": changed(
        zipped("a"), zipped("a").index(b"PK\1\2") + 8, b"\1"), "zip of an unknown packing": changed(
        zipped("a"), zipped("a").index(b"PK\1\2") + 10, b"\x63\0"),
    "zip with a name that is no text": changed(changed(zipped("abc"), zipped("abc").index(b"PK\1\2") + 8, b"\0\x08"),
                                               zipped("abc").index(b"PK\1\2") + 46, b"\xff\xfe\xfd"),
    "zip that begins elsewhere": changed(zipped("a"), zipped("a").index(b"PK\1\2") + 42, struct.pack("<I", 1 << 30)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(tmp_path, name):
    place = tmp_path / "inner"
    place.mkdir()
    (place / "data").write_bytes(ATTACKS[name])
    report = load_in_child(place / "data", kind="archive")
    assert report["outcome"] == "refused", report
    assert [path.name for path in place.iterdir()] == ["data"]
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


def test_bombs_stop_early(tmp_path):
    """What a zip of 40 kB becomes is written as far as is allowed, and then removed."""
    (tmp_path / "data").write_bytes(zipped("a", packing=zipfile.ZIP_DEFLATED, content=bytes(40 << 20)))
    report = load_in_child(tmp_path / "data", kind="archive")
    assert report["outcome"] == "refused" and "more than allowed" in report["message"], report
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_sound_archives(tmp_path, packed):
    (tmp_path / "data").write_bytes(packed(tar(("a/b.txt", b"hello", {}), ("ä.txt", b"", {}))))
    assert load_in_child(tmp_path / "data", kind="archive")["outcome"] == "loaded"
    assert (tmp_path / "data_extracted" / "a" / "b.txt").read_bytes() == b"hello"

"""Hostile files of data sets: tables, arrays, IDX and the pictures of scanners, each loaded in the guarded child."""

import gzip
import io
import os
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from tests.attacks.harness import assert_refused, load_in_child

pydicom = pytest.importorskip("pydicom", reason="the extra `bio` is not installed")
nibabel = pytest.importorskip("nibabel", reason="the extra `bio` is not installed")
tifffile = pytest.importorskip("tifffile", reason="the extra `bio` is not installed")


def refused(tmp_path, ending, content, words=""):
    path = tmp_path / f"data{ending}"
    path.write_bytes(content)
    assert_refused(path, words, kind="data")


def zeros(megabytes, begin=b""):
    """So many megabytes of zeros as a deflate stream, with something in front: a few kilobytes, made at once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + megabyte * megabytes + packer.flush()


# ---- .npz ---------------------------------------------------------------------------------------------------------

def npy(header, data=b"", edition=(1, 0)):
    """A member with any header text."""
    text = header if isinstance(header, bytes) else repr(header).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes(edition) + struct.pack("<H" if edition[0] == 1 else "<I", len(text)) + text + data


def described(shape, dtype="|u1", order=False):
    return {"descr": dtype, "fortran_order": order, "shape": shape}


def npz(packing=zipfile.ZIP_STORED, **members):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return memory.getvalue()


LABELS = npy(described((3,)), bytes(3))
SOUND = npy(described((3, 2)), bytes(6))
ARRAYS = {
    "an exabyte": npy(described((1 << 60,)), bytes(6)), "more than there is": npy(described((3, 3)), bytes(6)),
    "less than there is": npy(described((3, 1)), bytes(6)), "negative length": npy(described((-3, -2)), bytes(6)),
    "overflowing product": npy(described((1 << 33, 1 << 33, 0)), b""), "length is a float": npy(described((3.0, 2)),
                                                                                             bytes(6)),
    "length is NaN": npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (nan,)}", bytes(6)),
    "length is true": npy(described((True,)), b"x"), "forty axes": npy(described((1,) * 40), b"x"),
    "Python objects": npy(described((3,), "|O"), b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."),
    "fields": npy(described((3,), [("a", "|u1"), ("b", "|u1")]), bytes(6)), "no size": npy(described((3,), "|V0")),
    "texts of no length": npy(described((3,), "<U0")), "texts of 2 GB": npy(described((3,), "<U999999999"), bytes(6)),
    "complex numbers": npy(described((3,), "<c8"), bytes(24)), "dates": npy(described((3,), "<M8[s]"), bytes(24)),
    "the same key thrice": npy(b"{'shape': (3, 2), 'shape': (3, 2), 'shape': (3, 2)}", bytes(6)),
    "code in the header": npy(b"__import__('os').system('touch /tmp/evil')"), "no header": b"\x93NUMPY\x01\0",
    "header of 60 kB": npy(b"(" * 60_000), "header of 4 GB": b"\x93NUMPY\x02\0\xff\xff\xff\xff" + bytes(100),
    "edition 9": npy(described((3, 2)), bytes(6), (9, 0)), "not an array": b"GIF89a" + bytes(100),
    "a single number": npy(described(()), b"x"), "pictures are texts": npy(described((3,), "<U1"), bytes(12)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(tmp_path, name):
    refused(tmp_path, ".npz", npz(x=ARRAYS[name], y=LABELS))


def test_sound_files_are_read(tmp_path):
    (tmp_path / "a.npz").write_bytes(npz(zipfile.ZIP_DEFLATED, x=SOUND, y=LABELS))
    (tmp_path / "a.csv").write_text("a,b,label\n1,2,3\n4,5,6\n")
    (tmp_path / "a.idx").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    for name in ("a.npz", "a.csv", "a.idx"):
        assert load_in_child(tmp_path / name, "data")["outcome"] == "loaded", name


def test_array_archives(tmp_path):
    whole = npz(x=SOUND, y=LABELS)
    refused(tmp_path, ".npz", npz(zipfile.ZIP_DEFLATED, x=npy(described((80 << 20,)), bytes(80 << 20)), y=LABELS),
            "unpacks to more")
    refused(tmp_path, ".npz", whole[:-30])
    refused(tmp_path, ".npz", b"")
    refused(tmp_path, ".npz", npz(**{f"a{index}": b"" for index in range(2000)}), "too many")
    refused(tmp_path, ".npz", npz(x=SOUND, y=npy(described((3, 0)))), "one label")
    refused(tmp_path, ".npz", npz(x=SOUND, y=npy(described((3,), "<f4"), struct.pack("<3f", 0, 1, float("nan")))))
    refused(tmp_path, ".npz", npz(x=SOUND, y=LABELS, class_names=npy(described((), "<U1"), b"a\0\0\0")), "class_names")
    lying = bytearray(npz(zipfile.ZIP_DEFLATED, x=npy(described((100_000,)), bytes(100_000)), y=LABELS))
    place = lying.index(b"PK\x01\x02")
    lying[place + 24:place + 28] = struct.pack("<I", 200)
    refused(tmp_path, ".npz", bytes(lying))


# ---- tables -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    "", "a\n1\n", "a,b\n", "a,b\n1\n", "a,b\n1,2,3\n", "a,b\nx,y\n", "a,b\n\xff,\xfe\n", "a,label\n1e999,1\n",
    "a,label\n1e300,1\n", "a,label\n-inf,1\n", "a,label\n1_000,1\n", f'a,label\n"{"x" * 200_000}",1\n',
    'a,label\n"1,2\n3,4', ",".join(f"p{i}" for i in range(16)) + ",label\n" + "1," * 16 + "9" * 5000 + "x\n1\n",
    "\0,\0\n\0,\0\n",
], ids=range(15))
def test_tables(tmp_path, text):
    refused(tmp_path, ".csv", text.encode("latin-1"))


@pytest.mark.parametrize("label", ["\u00b2", "\u0663", "9" * 400, "0x10", "1e5", "+1", "None"])
def test_labels_that_look_like_numbers_are_words(tmp_path, label):
    head = ",".join(f"p{i}" for i in range(16))
    (tmp_path / "a.csv").write_text(f"{head},label\n{'1,' * 16}{label}\n", "utf-8")
    assert load_in_child(tmp_path / "a.csv", "data")["outcome"] == "loaded"


@pytest.mark.parametrize("ending", [".csv", ".npz", ".png", ".dcm", ".nii", ".nii.gz"])
def test_pipes_and_folders_are_not_waited_for(tmp_path, ending):
    os.mkfifo(tmp_path / f"pipe{ending}")
    (tmp_path / f"folder{ending}").mkdir()
    for name in ("pipe", "folder"):
        assert_refused(tmp_path / f"{name}{ending}", "", kind="data")


# ---- IDX ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("content", [
    b"", b"\0\0\x08", b"\0\0\x08\0x", b"\0\0\x08\xff" + struct.pack(">I", 1) * 255 + b"x",
    b"\0\0\x0d\x01\0\0\0\x01xxxx",
    b"\0\0\x08\x03" + b"\xff" * 12, b"\0\0\x08\x03" + struct.pack(">3I", 0, 1 << 31, 1 << 31),
    b"\0\0\x08\x01\0\0\0\x02x", b"\x1f\x8b\x08\0" + bytes(20),
], ids=range(9))
def test_idx(tmp_path, content):
    refused(tmp_path, ".idx", content)


# ---- DICOM --------------------------------------------------------------------------------------------------------

def dicom(syntax=pydicom.uid.ExplicitVRLittleEndian, pixels=bytes(8), **elements):
    """A file with any elements; deflated files get their pixels packed."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    found = pydicom.dataset.FileDataset("x", {}, preamble=bytes(128), file_meta=meta)
    for name, value in ({"Rows": 2, "Columns": 2, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
                         "SamplesPerPixel": 1, "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2"}
                        | elements).items():
        if value is not None:
            setattr(found, name, value)
    if pixels is not None:
        found.add_new("PixelData", "OB" if syntax.is_compressed else "OW", pixels)
        found["PixelData"].is_undefined_length = syntax.is_encapsulated
    memory = io.BytesIO()
    pydicom.dcmwrite(memory, found, enforce_file_format=False)
    return memory.getvalue()


def nested(depth):
    """Sequences in sequences, all of undefined length, as bytes: pydicom itself would not write so many."""
    start = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000,
                                                                                      0xFFFFFFFF)
    return dicom(pixels=None) + start * depth


def deflated():
    """A file that is packed as a whole, and whose pixels are 400 MB of zeros."""
    whole = dicom(pydicom.uid.DeflatedExplicitVRLittleEndian)
    body = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    elements = dicom(Rows=20_000, Columns=10_000)
    inner = elements[132 + 12 + struct.unpack_from("<I", elements, 140)[0]:-12]
    return whole[:body] + zeros(400, inner + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 400_000_000))


def run_lengths():
    """A frame packed as runs that unpacks to far more than its size."""
    return pydicom.encaps.encapsulate([struct.pack("<16I", 2, 64, 64, *[0] * 13) + b"\x81\0" * 1000])


def jpeg(side):
    """A grey picture that is packed, as the only frame."""
    memory = io.BytesIO()
    Image.new("L", (side, side), 7).save(memory, "JPEG")
    return pydicom.encaps.encapsulate([memory.getvalue()])


def packed(side):
    """A picture of 16 x 16 pixels, says the file; a square with this side, says the JPEG in it."""
    return dicom(pydicom.uid.JPEGBaseline8Bit, jpeg(side), Rows=16, Columns=16, BitsAllocated=8, BitsStored=8,
                 HighBit=7)


DICOMS = {
    "JPEG larger than declared": packed(8000), "JPEG smaller than declared": packed(8),
    "no pixels": dicom(pixels=None), "fewer pixels than declared": dicom(Rows=9, Columns=9),
    "4,294,836,225 pixels": dicom(Rows=65535, Columns=65535), "no rows": dicom(Rows=0),
    "rows missing": dicom(Rows=None),
    "a million frames": dicom(NumberOfFrames=1_000_000), "frames below zero": dicom(NumberOfFrames=-3),
    "65,535 samples": dicom(SamplesPerPixel=65535), "slope is NaN": dicom(RescaleSlope="nan", RescaleIntercept=0),
    "slope is infinite": dicom(RescaleSlope="inf", RescaleIntercept=0),
    "no interpretation": dicom(PhotometricInterpretation=None), "bits missing": dicom(BitsAllocated=None),
    "7 bits": dicom(BitsAllocated=7), "deflated bomb": deflated(),
    "runs that unpack to more": dicom(pydicom.uid.RLELossless, run_lengths(), Rows=30_000, Columns=8_000),
    "JPEG that is none": dicom(pydicom.uid.JPEGBaseline8Bit, pydicom.encaps.encapsulate([b"\xff\xd8" + bytes(50)])),
    "a hundred thousand sequences": nested(100_000), "cut off": dicom()[:-30], "only a preamble": bytes(128) + b"DICM",
    "a number of three bytes": dicom().replace(b"\x28\0\x10\0US\2\0\2\0", b"\x28\0\x10\0US\3\0\2\0\0"),
    "length of 4 GB": dicom()[:-12] + struct.pack("<I", 0xFFFFFFF0) + bytes(8), "nothing": b"",
}


@pytest.mark.parametrize("name", DICOMS)
def test_dicom(tmp_path, name):
    refused(tmp_path, ".dcm", DICOMS[name])


def test_sound_dicom(tmp_path):
    for name, content in (("plain", dicom()), ("packed", packed(16))):
        (tmp_path / f"{name}.dcm").write_bytes(content)
        assert load_in_child(tmp_path / f"{name}.dcm", "data")["outcome"] == "loaded"


# ---- NIfTI --------------------------------------------------------------------------------------------------------

def nifti(begin=352.0, lengths=(3, 4, 4, 4, 1, 1, 1, 1), kind=2, bits=8, data=bytes(64), extension=b"\0\0\0\0",
          slope=1.0):
    header = bytearray(348)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, *lengths)
    struct.pack_into("<2h", header, 70, kind, bits)
    struct.pack_into("<8f", header, 76, *[1.0] * 8)
    struct.pack_into("<3f", header, 108, begin, slope, 0.0)
    header[344:348] = b"n+1\0"
    return bytes(header) + extension + data


VOLUMES = {
    "begins at NaN": nifti(float("nan")), "begins below zero": nifti(-500.0), "begins at infinity": nifti(float("inf")),
    "begins two gigabytes on": nifti(2e9, extension=b"\1\0\0\0" + struct.pack("<2i", 0x7FFFFFF0, 6)),
    "an extension of 2 GB": nifti(6e7, extension=b"\1\0\0\0" + struct.pack("<2i", 0x7FFFFFF0, 6)),
    "an extension below zero": nifti(400.0, extension=b"\1\0\0\0" + struct.pack("<2i", -16, 6)),
    "32,767 x 32,767": nifti(lengths=(3, 32767, 32767, 32767, 1, 1, 1, 1)),
    "negative lengths": nifti(lengths=(3, -4, -4, 4, 1, 1, 1, 1)), "no length": nifti(lengths=(3, 0, 4, 4, 1, 1, 1, 1)),
    "ninety axes": nifti(lengths=(90, 4, 4, 4, 1, 1, 1, 1)), "one axis": nifti(lengths=(1, 64, 1, 1, 1, 1, 1, 1)),
    "negative axes": nifti(lengths=(-3, 4, 4, 4, 1, 1, 1, 1)), "a kind that is none": nifti(kind=999),
    "complex numbers": nifti(kind=32, bits=64, data=bytes(512)), "fields of colours": nifti(kind=128, bits=24,
                                                                                             data=bytes(192)),
    "cut off": nifti(data=bytes(10)), "only a header": nifti()[:348], "nothing": b"",
}


@pytest.mark.parametrize("name", VOLUMES)
def test_nifti(tmp_path, name):
    refused(tmp_path, ".nii", VOLUMES[name])


def test_packed_nifti(tmp_path):
    bomb = zeros(400, nifti(2e9, extension=b"\1\0\0\0" + struct.pack("<2i", 0x7FFFFFF0, 6)))
    refused(tmp_path, ".nii.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + bomb)
    refused(tmp_path, ".nii.gz", gzip.compress(nifti())[:30])
    refused(tmp_path, ".nii.gz", b"\x1f\x8b\x08\0" + zlib.compress(nifti()))
    (tmp_path / "sound.nii.gz").write_bytes(gzip.compress(nifti()))
    assert load_in_child(tmp_path / "sound.nii.gz", "data")["outcome"] == "loaded"


# ---- TIFF that only tifffile knows --------------------------------------------------------------------------------

def tiff(width=4, height=4, bits=64, packing=1, data=bytes(128), count=None, next_place=0):
    """One page of floats; `next_place` is where the next directory is said to be."""
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, packing), (262, 3, 1, 1),
               (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, height),
               (279, 4, 1, len(data) if count is None else count), (339, 3, 1, 3)]
    rows = b"".join(struct.pack("<HHI", *entry[:3]) + struct.pack("<I" if entry[1] == 4 else "<HH", *(
        (entry[3],) if entry[1] == 4 else (entry[3], 0))) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + rows + struct.pack("<I", next_place)
    return head.ljust(200, b"\0") + data


TIFFS = {
    "16,384 x 16,384 doubles": tiff(16384, 16384), "4,294,967,295 wide": tiff(0xFFFFFFFF, 0xFFFFFFFF),
    "no width": tiff(0), "strip of 4 GB": tiff(count=0xFFFFFFFF, data=b""), "packed badly": tiff(packing=8),
    "packed in an unknown way": tiff(packing=34712), "bomb": tiff(
        16384, 8192, packing=8, data=b"\x78\x01" + zeros(1024)),
    "strip that unpacks to more than it should": tiff(packing=8, data=b"\x78\x01" + zeros(400)),
    "packed in a way that has no bounds": tiff(packing=34925), "3 bits": tiff(bits=3),
    "nothing behind the header": b"II*\0\x08\0\0\0",
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiff(tmp_path, name):
    refused(tmp_path, ".tif", TIFFS[name])


def test_directories_in_a_circle_and_sound_files(tmp_path):
    for name, content in (("circle", tiff(next_place=8)), ("sound", tiff())):
        (tmp_path / f"{name}.tif").write_bytes(content)
        assert load_in_child(tmp_path / f"{name}.tif", "data")["outcome"] == "loaded"

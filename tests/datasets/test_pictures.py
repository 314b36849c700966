"""Picture files of every kind that is promised, prepared the same way each time; processes that read them."""

import json
import struct

import numpy as np
import pytest
from PIL import Image

from striate.datasets import pictures
from striate.datasets.pictures import Preparation, decode, facts, is_picture
from striate.datasets.readers import Readers
from striate.datasets.stream import StoredBatches, StoredPictures
from striate.errors import ArgumentError, DataError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.stack([GREY, GREY[::-1], GREY // 2], axis=-1)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.gif", "a.tif", "a.webp"])
def test_grey_pictures_of_eight_bits_keep_their_numbers(tmp_path, name):
    Image.fromarray(GREY).save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    read = Preparation().read(tmp_path / name)
    assert read.shape == (6, 8, 1) and read.dtype == np.uint8
    assert np.array_equal(read[..., 0], GREY)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_colours_keep_their_numbers(tmp_path, name):
    Image.fromarray(COLOUR).save(tmp_path / name)
    assert np.array_equal(Preparation(color_mode="rgb").read(tmp_path / name), COLOUR)


def test_jpeg_is_near(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    read = Preparation(color_mode="rgb").read(tmp_path / "a.jpg").astype(int)
    assert np.abs(read - COLOUR).mean() < 3


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK"])
def test_other_modes_of_pillow_are_read(tmp_path, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / f"a.{suffix}")
    assert Preparation(color_mode="rgb").read(tmp_path / f"a.{suffix}").shape == (6, 8, 3)
    assert Preparation().read(tmp_path / f"a.{suffix}").shape == (6, 8, 1)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_kept_until_black_and_white_are_known(tmp_path, name):
    deep = np.array([[0, 1000, 4095]], np.uint16)
    Image.fromarray(deep).save(tmp_path / name)
    own = decode(tmp_path / name)
    assert own.dtype == np.uint16 and own[0, :, 0].tolist() == [0, 1000, 4095]
    assert Preparation(black=0, white=4095).read(tmp_path / name)[0, :, 0].tolist() == [0, 62, 255]
    assert Preparation().read(tmp_path / name)[0, :, 0].tolist() == [0, 4, 16]


def test_sixteen_bit_colours_keep_their_high_bytes(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", COLOUR.astype(np.uint16) * 257, photometric="rgb")
    assert np.array_equal(Preparation(color_mode="rgb").read(tmp_path / "a.tif"), COLOUR)


def test_tiff_that_pillow_does_not_know(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.float64) / 7)
    read = decode(tmp_path / "a.tif")
    assert read.dtype == np.float32 and np.array_equal(read[..., 0], (GREY / 7).astype(np.float32))
    tifffile.imwrite(tmp_path / "b.tif", GREY.astype(np.complex64))
    with pytest.raises(DataError, match="complex64"):
        decode(tmp_path / "b.tif")


def test_floats_of_tiff_are_stretched_over_their_own_range(tmp_path):
    Image.fromarray(np.array([[-1.0, 0.0, 1.0]], np.float32)).save(tmp_path / "a.tif")
    assert Preparation().read(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 128, 255]


def dicom(path, pixels, **more):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Rows, file.Columns = pixels.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 16
    file.HighBit, file.PixelRepresentation = 15, 0
    file.PixelData = pixels.astype("<u2").tobytes()
    for name, value in more.items():
        setattr(file, name, value)
    pydicom.dcmwrite(path, file, enforce_file_format=True)


def test_dicom_in_its_own_unit(tmp_path):
    dicom(tmp_path / "a.dcm", np.array([[0, 1000], [2000, 3000]]), RescaleSlope=2, RescaleIntercept=-1000)
    assert decode(tmp_path / "a.dcm")[..., 0].tolist() == [[-1000, 1000], [3000, 5000]]
    dicom(tmp_path / "b.dcm", np.array([[0, 10]]), PhotometricInterpretation="MONOCHROME1")
    assert Preparation().read(tmp_path / "b.dcm")[0, :, 0].tolist() == [255, 0]
    stored = np.array([[0, 10, 4095]])  # 12 bits, upside down: in the range of a picture that is not
    dicom(tmp_path / "d.dcm", stored, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    assert decode(tmp_path / "d.dcm")[0, :, 0].tolist() == [4095, 4085, 0]
    (tmp_path / "d.dcm").rename(tmp_path / "1.2.840.77")  # as scanners write them: known by its content
    assert is_picture(tmp_path / "1.2.840.77") and decode(tmp_path / "1.2.840.77")[0, :, 0].tolist() == [4095, 4085, 0]
    assert not facts(tmp_path / "1.2.840.77")["more"]
    (tmp_path / "c.dcm").write_bytes(b"no DICOM")
    with pytest.raises(DataError, match="DICOM"):
        decode(tmp_path / "c.dcm")


def test_nifti_gives_its_middle_slice(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    volume = np.arange(4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "a.nii.gz")
    read = decode(tmp_path / "a.nii.gz")
    assert read.shape == (3, 4, 1) and facts(tmp_path / "a.nii.gz")["more"]
    assert np.array_equal(read[..., 0], np.flipud(volume[:, :, 2].T))
    (tmp_path / "b.nii").write_bytes(b"\0" * 400)
    with pytest.raises(DataError, match="NIfTI"):
        decode(tmp_path / "b.nii")


def test_medical_files_name_the_extra_when_it_is_missing(tmp_path, monkeypatch):
    (tmp_path / "a.dcm").write_bytes(b"DICM")
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(DataError, match=r"pip install 'striate\[bio\]'"):
        decode(tmp_path / "a.dcm")


def test_what_is_no_picture_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(DataError, match="a.png"):
        decode(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="no such picture"):
        decode(tmp_path / "b.png")
    monkeypatch.setattr(pictures, "MAX_PIXELS", 40)
    Image.fromarray(GREY).save(tmp_path / "c.png")
    with pytest.raises(DataError, match="more than 40 pixels"):
        decode(tmp_path / "c.png")


def test_a_declared_giant_is_refused_before_it_is_decoded(tmp_path):
    header = b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0,
                                                                       0, 0, 0, 0)
    (tmp_path / "a.bmp").write_bytes(header + b"\0" * 100)
    with pytest.raises(DataError, match="pixel"):
        decode(tmp_path / "a.bmp")


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(decode(tmp_path / "a.png")[..., 0], np.rot90(GREY, -1))


def test_cropping_keeps_the_middle():
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, 10:20] = 200
    assert (Preparation((5, 5), crop=True).apply(wide) == 200).all()
    assert Preparation((5, 5)).apply(wide).mean() < 100


def test_a_preparation_comes_back_from_its_config():
    own = Preparation((20, 30), "rgb", "nearest", True, -3.5, 900.0)
    assert Preparation.of(json.loads(json.dumps(own.config()))) == own
    with pytest.raises(ArgumentError, match="color_mode"):
        Preparation(color_mode="sepia")
    with pytest.raises(ArgumentError, match="interpolation"):
        Preparation(interpolation="magic")


def test_facts(tmp_path):
    Image.fromarray(np.stack([GREY] * 3, axis=-1)).save(tmp_path / "a.png")
    Image.fromarray(GREY).save(tmp_path / "b.bmp")
    one, two = facts(tmp_path / "a.png"), facts(tmp_path / "b.bmp")
    assert one["grey"] and one["pixels"] == two["pixels"] and (one["height"], one["width"]) == (6, 8)
    Image.fromarray(COLOUR).save(tmp_path / "c.png")
    assert not facts(tmp_path / "c.png")["grey"]


@pytest.fixture
def many(tmp_path):
    paths = []
    for index in range(12):
        Image.fromarray(np.full((4, 5), index * 20, np.uint8)).save(tmp_path / f"{index}.png")
        paths.append(tmp_path / f"{index}.png")
    (tmp_path / "broken.png").write_bytes(paths[0].read_bytes()[:40])
    return [*paths[:5], tmp_path / "broken.png", *paths[5:]]


@pytest.mark.parametrize("processes", [1, 3])
def test_readers_answer_in_the_order_of_the_paths(many, processes):
    with Readers(processes) as readers:
        for _ in range(3):
            read = readers.pixels(many, Preparation((4, 5)))
            assert isinstance(read[5], DataError) and "broken.png" in str(read[5])
            assert [int(own[0, 0, 0]) for own in read[:5] + read[6:]] == [index * 20 for index in range(12)]
        known = readers.facts(many)
        assert known[0]["height"] == 4 and isinstance(known[5], DataError)


def test_a_reader_that_dies_is_an_error_with_advice(many):
    readers = Readers(2)
    try:
        for process in readers._crew:
            process.kill()
            process.wait()
        with pytest.raises(DataError, match="ended"):
            readers.pixels(many, Preparation())
    finally:
        readers.close()


def test_stored_pictures_look_like_an_array(many):
    good = [path for path in many if path.name != "broken.png"]
    with Readers(2) as readers:
        stored = StoredPictures(good, Preparation((4, 5)), readers)
        assert stored.shape == (12, 4, 5, 1) and len(stored) == 12
        assert stored[3].shape == (4, 5, 1) and stored[:0].shape == (0, 4, 5, 1)
        assert stored[np.array([7, 2])][:, 0, 0, 0].tolist() == [140, 40]
        one, two = (StoredBatches(stored, np.arange(12), 5, seed=3) for _ in range(2))
        assert len(one) == 3
        seen = [one[index] for index in range(3)]
        assert all(np.array_equal(x, two[index][0]) for index, (x, _) in enumerate(seen))
        assert sorted(np.concatenate([y for _, y in seen]).tolist()) == list(range(12))
        assert all((x[:, 0, 0, 0] == y * 20).all() for x, y in seen)
        with pytest.raises(DataError, match="broken"):
            _ = StoredPictures(many, Preparation((4, 5)), readers)[:]

"""Image layers whose random range is one point, and layers at random over many copies of one image.

`POINTS` holds (class, arguments, images); `SPREADS` (class, arguments), applied to copies of one image, of which mean
and deviation are compared. `run` gives the results of either library by name.
"""

import numpy as np

COPIES = 1500
RANDOM = np.random.RandomState(0)
BYTES = np.round(RANDOM.rand(2, 7, 6, 3) * 255)
SMOOTH = np.cumsum(np.cumsum(RANDOM.rand(2, 7, 6, 3), 1), 2)
IMAGES = {
    "float": BYTES.astype("float32"), "byte": BYTES.astype("uint8"), "unit": (BYTES / 255).astype("float32"),
    "signed": (BYTES / 127.5 - 1).astype("float32"), "first": BYTES.transpose(0, 3, 1, 2).astype("float32"),
    "one": BYTES[0].astype("float32"), "smooth": (SMOOTH / SMOOTH.max() * 255).astype("float32"),
    "flat": np.full((2, 4, 4, 1), 9, "float32"), "mirrored": np.concatenate([BYTES, BYTES[:, :, ::-1]], 2),
    "equal": np.repeat(BYTES[:1], 3, 0).astype("float32"),
}
FIRST = {"data_format": "channels_first"}
CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"


def point(value):
    """A range of one number."""
    return (value, value)


TURN, MOVE = {"factor": point(0.11)}, {"height_factor": point(0.21), "width_factor": point(-0.32)}
MOVED = [(name, arguments | {"fill_mode": fill, "interpolation": how, "fill_value": 7.0}, "float")
         for name, arguments in (("RandomRotation", TURN), ("RandomTranslation", MOVE), ("RandomZoom", MOVE))
         for fill in ("reflect", "constant", "nearest") for how in ("bilinear", "nearest")]
POINTS = [
    *MOVED,
    ("RandomRotation", {"factor": point(-0.25)}, "byte"), ("RandomRotation", {"factor": point(0.4)}, "one"),
    ("RandomRotation", TURN | FIRST, "first"), ("RandomTranslation", MOVE | FIRST, "first"),
    ("RandomZoom", {"height_factor": point(-0.5)}, "byte"),
    ("RandomZoom", {"height_factor": point(0.3)} | FIRST, "first"),
    ("RandomBrightness", {"factor": point(0.3)}, "float"),
    ("RandomBrightness", {"factor": point(-0.2), "value_range": (0, 1)}, "unit"),
    ("RandomBrightness", {"factor": point(0.2), "value_range": (-1, 1)}, "signed"),
    ("RandomContrast", {"factor": point(0.0)}, "float"),
    ("RandomColorDegeneration", {"factor": point(0.4)}, "float"),
    ("RandomColorDegeneration", {"factor": point(1.0)}, "byte"),
    ("RandomColorDegeneration", {"factor": point(0.4)} | FIRST, "first"),
    ("RandomSaturation", {"factor": point(0.2)}, "float"),
    ("RandomSaturation", {"factor": point(0.7), "value_range": (0, 1)}, "unit"),
    ("RandomSaturation", {"factor": point(0.4)} | FIRST, "first"), ("RandomHue", {"factor": point(0.0)}, "float"),
    ("RandomSharpness", {"factor": point(0.2)}, "float"), ("RandomSharpness", {"factor": point(0.9)}, "byte"),
    ("RandomSharpness", {"factor": point(0.9), "value_range": (0, 1)}, "unit"),
    ("RandomSharpness", {"factor": point(0.2)} | FIRST, "first"),
    ("RandomPosterization", {"factor": (3, 3)}, "float"), ("RandomPosterization", {"factor": (5, 5)}, "byte"),
    ("RandomPosterization", {"factor": (2, 2), "value_range": (0, 1)}, "unit"),
    ("Solarization", {}, "float"), ("Solarization", {"value_range": (0, 1)}, "unit"), ("Solarization", {}, "byte"),
    ("AutoContrast", {}, "smooth"), ("AutoContrast", {"value_range": (0, 1)}, "unit"), ("AutoContrast", {}, "flat"),
    ("Equalization", {}, "float"), ("Equalization", {}, "smooth"), ("Equalization", {"bins": 16}, "smooth"),
    ("Equalization", {"value_range": (0, 1)}, "unit"), ("Equalization", FIRST, "first"), ("Equalization", {}, "one"),
    ("Equalization", {}, "flat"), ("Equalization", {}, "byte"),
    (CLAHE, {"tile_grid_size": (2, 3)}, "smooth"), (CLAHE, {}, "smooth"), (CLAHE, {"tile_grid_size": (2, 2)}, "byte"),
    (CLAHE, {"tile_grid_size": (3, 2), "clip_limit": 40.0}, "float"), (CLAHE, {"tile_grid_size": (2, 2)}, "one"),
    (CLAHE, {"value_range": (0, 1), "tile_grid_size": (2, 2), "clip_limit": 0.0}, "unit"),
    (CLAHE, {"tile_grid_size": (2, 2)} | FIRST, "first"),
    ("RandomInvert", {"factor": point(1.0)}, "float"),
    ("RandomInvert", {"factor": point(1.0), "value_range": (0, 1)}, "unit"),
    ("RandomGrayscale", {"factor": 1.0}, "float"), ("RandomGrayscale", {"factor": 1.0} | FIRST, "first"),
    ("RandomGaussianBlur", {"factor": point(1.0), "kernel_size": 5, "sigma": point(0.8)}, "float"),
    ("RandomGaussianBlur", {"factor": point(1.0), "sigma": point(0.4), "value_range": (0, 1)}, "unit"),
    ("RandomGaussianBlur", {"factor": point(1.0), "sigma": point(0.5)} | FIRST, "first"),
    ("RandomErasing", {"factor": point(1.0), "scale": point(1.0), "fill_value": 4.0}, "float"),
    ("RandomPerspective", {"factor": point(1.0), "scale": 0.0}, "float"), ("RandomShear", {}, "float"),
    ("RandomElasticTransform", {"scale": point(0.0)}, "float"), ("RandomFlip", {"mode": "horizontal"}, "mirrored"),
    ("RandomCrop", {"height": 14, "width": 12}, "float"), ("CenterCrop", {"height": 4, "width": 5}, "byte"),
    ("Resizing", {"height": 4, "width": 5}, "byte"), ("MixUp", {}, "equal"), ("CutMix", {}, "equal"),
]
SPREADS = [
    ("RandomContrast", {"factor": (0.3, 0.8)}), ("RandomBrightness", {"factor": (-0.1, 0.5)}),
    ("RandomFlip", {"mode": "horizontal"}), ("RandomFlip", {"mode": "horizontal_and_vertical"}),
    ("RandomRotation", {"factor": (0.0, 0.2)}), ("RandomTranslation", {"height_factor": 0.3, "width_factor": (0, 0.4)}),
    ("RandomZoom", {"height_factor": (-0.4, 0.2)}), ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.2}),
    ("RandomShear", {"x_factor": (0.2, 0.6), "y_factor": 0.3}), ("RandomInvert", {"factor": (0.2, 0.4)}),
    ("RandomGrayscale", {"factor": 0.3}), ("RandomErasing", {"factor": 0.8, "scale": (0.1, 0.4), "fill_value": 99.0}),
    ("RandomHue", {"factor": (0.2, 0.9)}), ("RandomSaturation", {"factor": (0.1, 0.9)}),
    ("RandomColorDegeneration", {"factor": (0.2, 0.9)}), ("RandomSharpness", {"factor": (0.1, 0.9)}),
    ("RandomPosterization", {"factor": (2, 7)}), ("Solarization", {"addition_factor": 0.4, "threshold_factor": 0.9}),
    ("RandomPerspective", {"factor": (0.5, 1.0), "scale": 0.6}),
    ("RandomColorJitter", {"brightness_factor": 0.2, "contrast_factor": 0.3, "saturation_factor": (0.3, 0.7)}),
]
PATCH = np.round(np.random.RandomState(3).rand(1, 5, 4, 3) * 255).astype("float32")


def run_point(library, row):
    """What a layer makes of its images in training."""
    name, arguments, images = row
    y = getattr(library.layers, name)(**arguments)(IMAGES[images], training=True)
    return np.array(library.ops.convert_to_numpy(y), "float32")


def run_spread(library, row):
    """Mean and deviation of each number of an image over many draws, (2, h, w, c)."""
    name, arguments = row
    y = getattr(library.layers, name)(**arguments, seed=11)(np.repeat(PATCH, COPIES, 0), training=True)
    y = np.array(library.ops.convert_to_numpy(y), "float64")
    return np.stack([y.mean(0), y.std(0)]).astype("float32")

"""Functions of images (`keras.ops.image`): sizes, places, colours, patches, likeness."""

# ruff: noqa: F401 - every import of this file is a public name

from striate.ops.colours import (
    crop_images,
    gaussian_blur,
    hsv_to_rgb,
    pad_images,
    rgb_to_grayscale,
    rgb_to_hsv,
)
from striate.ops.patches import extract_patches, extract_patches_3d
from striate.ops.resample import affine_transform, look_up, pixel_places, resize, resize_matrix, weigh_axis
from striate.ops.warp import (
    elastic_transform,
    map_coordinates,
    perspective_transform,
    scale_and_translate,
    sobel_edges,
    ssim,
)

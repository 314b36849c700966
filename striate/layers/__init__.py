"""Layers: Keras' names over `striate.ops`."""

# ruff: noqa: F401 - every import of this file is a public name

from striate.layers import operations as _operations  # enters the functions of ops among what files may name
from striate.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from striate.layers.attention import AdditiveAttention, Attention
from striate.layers.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
    RandomInvert,
    RandomRotation,
    RandomSharpness,
    RandomTranslation,
    RandomZoom,
)
from striate.layers.base import Layer
from striate.layers.categories import CategoryEncoding, Discretization
from striate.layers.colour import (
    AutoContrast,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomGaussianBlur,
    RandomHue,
    RandomPosterization,
    RandomSaturation,
    Solarization,
)
from striate.layers.conv import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from striate.layers.core import (
    ActivityRegularization,
    Dense,
    EinsumDense,
    Embedding,
    Identity,
    Lambda,
    Masking,
    Rescaling,
)
from striate.layers.heads import GroupedQueryAttention as GroupQueryAttention
from striate.layers.heads import MultiHeadAttention
from striate.layers.histograms import ContrastLimitedAdaptiveHistogramEqualization, Equalization
from striate.layers.images import CenterCrop, Resizing
from striate.layers.input import Input, InputLayer
from striate.layers.input_spec import InputSpec
from striate.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from striate.layers.mixing import CutMix, MixUp, Pipeline
from striate.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    Normalization,
    RMSNormalization,
    UnitNormalization,
)
from striate.layers.policies import AugMix, RandAugment
from striate.layers.pool import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    LpPooling2D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from striate.layers.regularization import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from striate.layers.reshaping import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from striate.layers.symbolic import KerasTensor
from striate.layers.warping import RandomElasticTransform, RandomPerspective, RandomShear
from striate.layers.wrapper import SpectralNormalization, TimeDistributed, Wrapper
from striate.outside import missing
from striate.serialization import deserialize_keras_object, serialize_keras_object

AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool3D, GlobalMaxPool3D = GlobalAveragePooling3D, GlobalMaxPooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D

__all__ = sorted({name for name in globals() if name[0].isupper()} | {
    "add", "average", "concatenate", "deserialize", "dot", "maximum", "minimum", "multiply",
    "serialize", "subtract",
})


def serialize(layer: Layer) -> dict:
    """A layer's description, for `deserialize`.

    Gives {"module", "class_name", "config", ...}, of numbers, strings, lists and dicts.
    """
    return serialize_keras_object(layer)


def deserialize(config: dict, custom_objects: dict | None = None) -> Layer:
    """The layer that `serialize` described, without weights.

    `config` is what `serialize` gave; `custom_objects`: {name: class} of your own. Raises `ArgumentError` for a class
    that is not known.
    """
    return deserialize_keras_object(config, custom_objects, module="keras.layers")


def __getattr__(name: str):
    raise missing("keras.layers", name)

"""Names of Keras' that striate does not have, with the reason, so that whoever asks for one is told at once."""

from __future__ import annotations

_RECURRENT = "recurrent networks are outside its subject, networks of images"
_ATTENTION = "transformers are outside its subject, networks of images"
_TEXT = "tensors here hold numbers: map words to integers before"
_SIGNAL = "complex numbers do not exist here"
_WRAPS = "it wraps another system"
_BITS = "results whose length depends on numbers cannot be part of a program that is planned before it runs"
_LINEAR = "solvers and decompositions of matrices are not part of networks of images; numpy.linalg has them"
_NOT_MADE = "it is not made yet"
_SPEECH = "speech and handwriting are outside its subject"
_OTHER_WRITER = "it writes in another system's form; ModelCheckpoint and BackupAndRestore save"

_REASONS = {
    _RECURRENT: "Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell "
                "StackedRNNCells CuDNNLSTM CuDNNGRU",
    _ATTENTION: "AdditiveAttention Attention GroupQueryAttention MultiHeadAttention ReversibleEmbedding "
                "dot_product_attention",
    _TEXT: "HashedCrossing Hashing IntegerLookup StringLookup TextVectorization text_dataset_from_directory",
    _SIGNAL: "MelSpectrogram STFTSpectrogram STFT STFTInitializer stft angle conj conjugate imag real fft fft2 ifft2 "
             "irfft rfft istft view_as_complex view_as_real isreal",
    _WRAPS: "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    _BITS: "nonzero unique",
    _LINEAR: "cholesky cholesky_inverse det eig eigh inv logdet lstsq lu_factor matrix_rank pinv qr slogdet solve "
             "solve_triangular svd jvp",
    _NOT_MADE: "AugMix ContrastLimitedAdaptiveHistogramEqualization Equalization MaxNumBoundingBoxes RandAugment "
               "RandomElasticTransform SpectralNormalization MultiOptimizer RemoteMonitor",
    _SPEECH: "CTC ctc ctc_loss ctc_decode",
    _OTHER_WRITER: "OrbaxCheckpoint",
}
REASONS = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that a module does not have; with the reason when it is one of Keras'.

    Example:
        >>> print(missing("keras.layers", "LSTM"))
        keras.layers.LSTM is not part of striate: recurrent networks are outside its subject, networks of images.
    """
    if name in REASONS:
        return AttributeError(f"{module}.{name} is not part of striate: {REASONS[name]}.")
    return AttributeError(f"module '{module.replace('keras', 'striate', 1)}' has no attribute '{name}'")

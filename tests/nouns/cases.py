"""What is compared with Keras: layers, losses, metrics, optimisers, schedules and activations, with their arguments.

Each row is (class, keyword arguments), for layers also the shapes of the inputs. `record.py` runs the rows under Keras
and keeps the results; `test_keras_numbers.py` runs them under striate. The data are made here, for both.
"""

import numpy as np

# (class, arguments, shapes of the inputs)
LAYERS = [
    ("Conv2D", {"filters": 4, "kernel_size": 3}, [(2, 9, 8, 3)]),
    ("Conv2D", {"filters": 4, "kernel_size": (3, 2), "strides": 2, "padding": "same", "activation": "relu"},
     [(2, 9, 8, 3)]),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "use_bias": False}, [(2, 9, 8, 3)]),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 3, "padding": "same"}, [(2, 9, 8, 3)]),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal"}, [(2, 9, 3)]),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, [(2, 9, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, [(2, 5, 6, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 4, "strides": 2}, [(2, 5, 6, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": (3, 3), "strides": (2, 2), "padding": "same",
     "output_padding": 1}, [(2, 5, 6, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 5, "strides": 1, "padding": "same"}, [(2, 5, 6, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 2, "strides": 3, "padding": "valid"}, [(2, 5, 6, 3)]),
    ("Conv1DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, [(2, 5, 3)]),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}, [(2, 7, 6, 3)]),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, [(2, 7, 3)]),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2}, [(2, 7, 6, 3)]),
    ("SeparableConv1D", {"filters": 5, "kernel_size": 3}, [(2, 7, 3)]),
    ("MaxPooling2D", {}, [(2, 7, 6, 3)]),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, [(2, 7, 6, 3)]),
    ("MaxPooling1D", {"pool_size": 3}, [(2, 7, 3)]),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, [(2, 7, 6, 3)]),
    ("AveragePooling1D", {"pool_size": 2}, [(2, 7, 3)]),
    ("GlobalMaxPooling2D", {}, [(2, 7, 6, 3)]),
    ("GlobalAveragePooling2D", {"keepdims": True}, [(2, 7, 6, 3)]),
    ("GlobalMaxPooling1D", {}, [(2, 7, 3)]),
    ("GlobalAveragePooling1D", {}, [(2, 7, 3)]),
    ("Dense", {"units": 4, "activation": "relu"}, [(2, 5)]),
    ("Dense", {"units": 4, "use_bias": False}, [(2, 3, 5)]),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 7), "bias_axes": "d"}, [(2, 3, 5)]),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 7, "bias_axes": "y"}, [(2, 3, 5)]),
    ("EinsumDense", {"equation": "ab,bcd->acd", "output_shape": (3, 4), "bias_axes": "cd"}, [(2, 5)]),
    ("BatchNormalization", {}, [(4, 3, 3, 5)]),
    ("BatchNormalization", {"axis": 1, "momentum": 0.5}, [(4, 3, 3, 5)]),
    ("BatchNormalization", {"center": False, "scale": False}, [(4, 5)]),
    ("LayerNormalization", {}, [(4, 3, 5)]),
    ("LayerNormalization", {"axis": [1, 2]}, [(4, 3, 5)]),
    ("RMSNormalization", {}, [(4, 3, 5)]),
    ("GroupNormalization", {"groups": 2}, [(4, 3, 3, 6)]),
    ("GroupNormalization", {"groups": -1}, [(4, 3, 6)]),
    ("UnitNormalization", {}, [(4, 3, 5)]),
    ("Flatten", {}, [(2, 3, 4)]),
    ("Reshape", {"target_shape": (2, -1)}, [(2, 3, 4)]),
    ("Permute", {"dims": (2, 1)}, [(2, 3, 4)]),
    ("RepeatVector", {"n": 3}, [(2, 4)]),
    ("ZeroPadding2D", {"padding": ((1, 2), (0, 3))}, [(2, 3, 4, 2)]),
    ("ZeroPadding2D", {"padding": 2}, [(2, 3, 4, 2)]),
    ("ZeroPadding1D", {"padding": (1, 2)}, [(2, 3, 4)]),
    ("ZeroPadding1D", {"padding": 2}, [(2, 3, 4)]),
    ("Cropping2D", {"cropping": ((1, 0), (1, 1))}, [(2, 5, 4, 2)]),
    ("Cropping1D", {"cropping": 1}, [(2, 5, 4)]),
    ("UpSampling2D", {"size": (2, 3)}, [(2, 3, 4, 2)]),
    ("UpSampling2D", {"size": 2, "interpolation": "bilinear"}, [(2, 3, 4, 2)]),
    ("UpSampling1D", {"size": 3}, [(2, 3, 4)]),
    ("Activation", {"activation": "gelu"}, [(2, 5)]),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, [(4, 5)]),
    ("LeakyReLU", {}, [(4, 5)]),
    ("PReLU", {"shared_axes": [1], "alpha_initializer": "ones"}, [(4, 3, 5)]),
    ("ELU", {"alpha": 0.7}, [(4, 5)]),
    ("Softmax", {}, [(4, 5)]),
    ("Add", {}, [(2, 3, 4), (2, 3, 4)]),
    ("Add", {}, [(2, 3, 4), (2, 4)]),
    ("Subtract", {}, [(2, 3), (2, 3)]),
    ("Multiply", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Average", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Maximum", {}, [(2, 3), (2, 3)]),
    ("Minimum", {}, [(2, 3), (2, 3)]),
    ("Concatenate", {}, [(2, 3, 4), (2, 3, 2)]),
    ("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 1, 4)]),
    ("Dot", {"axes": 1}, [(2, 3), (2, 3)]),
    ("Dot", {"axes": (2, 1)}, [(2, 3, 4), (2, 4, 5)]),
    ("Dot", {"axes": 1, "normalize": True}, [(2, 3, 4), (2, 3, 5)]),
    ("Rescaling", {"scale": 2.0, "offset": -1}, [(2, 3)]),
    ("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 9.0]}, [(2, 3)]),
    ("Normalization", {"axis": None, "mean": 1.0, "variance": 4.0, "invert": True}, [(2, 3)]),
    ("Identity", {}, [(2, 3)]),
    ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, [(2, 3)]),
    ("Dropout", {"rate": 0.5}, [(2, 3)]),
    ("SpatialDropout2D", {"rate": 0.5}, [(2, 3, 3, 2)]),
    ("SpatialDropout1D", {"rate": 0.5}, [(2, 3, 3)]),
    ("GaussianNoise", {"stddev": 0.5}, [(2, 3)]),
    ("GaussianDropout", {"rate": 0.5}, [(2, 3)]),
    ("AlphaDropout", {"rate": 0.5}, [(2, 3)]),
    ("Masking", {}, [(2, 3, 4)]),
    ("Conv3D", {"filters": 4, "kernel_size": 3}, [(2, 5, 6, 7, 3)]),
    ("Conv3D", {"filters": 6, "kernel_size": (2, 3, 2), "strides": (2, 1, 2), "padding": "same", "groups": 3,
     "activation": "relu"}, [(2, 5, 6, 7, 3)]),
    ("Conv3D", {"filters": 4, "kernel_size": 2, "dilation_rate": (2, 1, 2), "padding": "same", "use_bias": False},
     [(2, 5, 6, 7, 3)]),
    ("Conv3DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, [(2, 3, 4, 5, 3)]),
    ("Conv3DTranspose", {"filters": 4, "kernel_size": (2, 3, 4), "strides": (1, 2, 3)}, [(2, 3, 4, 5, 3)]),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
     [(1, 3, 2, 3, 3)]),
    ("MaxPooling3D", {}, [(2, 5, 6, 7, 3)]),
    ("MaxPooling3D", {"pool_size": (2, 3, 2), "strides": (1, 2, 2), "padding": "same"}, [(2, 5, 6, 7, 3)]),
    ("AveragePooling3D", {"pool_size": 3, "strides": 2, "padding": "same"}, [(2, 5, 6, 7, 3)]),
    ("GlobalMaxPooling3D", {}, [(2, 3, 4, 5, 3)]),
    ("GlobalAveragePooling3D", {"keepdims": True}, [(2, 3, 4, 5, 3)]),
    ("ZeroPadding3D", {"padding": ((1, 0), (0, 2), (1, 1))}, [(2, 3, 2, 3, 2)]),
    ("Cropping3D", {"cropping": ((1, 0), (0, 2), (1, 1))}, [(2, 3, 4, 5, 2)]),
    ("UpSampling3D", {"size": (2, 1, 3)}, [(2, 2, 3, 2, 2)]),
    ("SpatialDropout3D", {"rate": 0.5}, [(2, 3, 3, 3, 2)]),
    ("AdaptiveAveragePooling1D", {"output_size": 3}, [(2, 7, 3)]),
    ("AdaptiveAveragePooling2D", {"output_size": (3, 2)}, [(2, 7, 6, 3)]),
    ("AdaptiveAveragePooling3D", {"output_size": 2}, [(2, 5, 6, 7, 3)]),
    ("AdaptiveMaxPooling1D", {"output_size": 3}, [(2, 7, 3)]),
    ("AdaptiveMaxPooling2D", {"output_size": (3, 4)}, [(2, 7, 6, 3)]),
    ("AdaptiveMaxPooling3D", {"output_size": 2}, [(2, 5, 6, 7, 3)]),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bicubic"}, [(2, 5, 4, 2)]),
    ("Resizing", {"height": 4, "width": 9}, [(2, 7, 6, 3)]),
    ("Resizing", {"height": 4, "width": 9, "interpolation": "nearest"}, [(2, 7, 6, 3)]),
    ("Resizing", {"height": 5, "width": 9, "interpolation": "bicubic"}, [(2, 7, 6, 3)]),
    ("Resizing", {"height": 5, "width": 3, "interpolation": "lanczos3", "antialias": True}, [(2, 17, 16, 3)]),
    ("Resizing", {"height": 4, "width": 9, "crop_to_aspect_ratio": True}, [(2, 7, 6, 3)]),
    ("Resizing", {"height": 4, "width": 9, "pad_to_aspect_ratio": True, "fill_value": 0.5}, [(2, 7, 6, 3)]),
    ("CenterCrop", {"height": 4, "width": 3}, [(2, 7, 6, 3)]),
    ("CenterCrop", {"height": 8, "width": 3}, [(2, 7, 6, 3)]),
    ("RandomRotation", {"factor": (0.1, 0.1)}, [(2, 7, 6, 3)]),
    ("RandomRotation", {"factor": (-0.2, -0.2), "fill_mode": "constant", "fill_value": 0.3, "interpolation": "nearest"},
     [(2, 7, 6, 3)]),
    ("RandomTranslation", {"height_factor": (0.3, 0.3), "width_factor": (-0.25, -0.25)}, [(2, 7, 6, 3)]),
    ("RandomTranslation", {"height_factor": (0.3, 0.3), "width_factor": (-0.9, -0.9), "fill_mode": "wrap"},
     [(2, 7, 6, 3)]),
    ("RandomTranslation", {"height_factor": (0.3, 0.3), "width_factor": (-0.9, -0.9), "fill_mode": "nearest"},
     [(2, 7, 6, 3)]),
    ("RandomZoom", {"height_factor": (0.3, 0.3), "width_factor": (-0.25, -0.25)}, [(2, 7, 6, 3)]),
    ("RandomZoom", {"height_factor": (0.3, 0.3), "fill_mode": "constant"}, [(2, 7, 6, 3)]),
    ("RandomContrast", {"factor": 0.0, "value_range": (-1, 1)}, [(2, 7, 6, 3)]),
    ("RandomBrightness", {"factor": (0.2, 0.2), "value_range": (-2, 1)}, [(2, 7, 6, 3)]),
    ("RandomSharpness", {"factor": (0.8, 0.8), "value_range": (-2, 2)}, [(2, 7, 6, 3)]),
    ("RandomInvert", {"factor": (1.0, 1.0), "value_range": (0, 1)}, [(2, 7, 6, 3)]),
    ("RandomGrayscale", {"factor": 1.0}, [(2, 7, 6, 3)]),
    ("RandomErasing", {"factor": 0.0}, [(2, 7, 6, 3)]),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, [(2, 3)]),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, [(2, 1)]),
    ("CategoryEncoding", {"num_tokens": 4}, [(2, 3)]),
    ("Discretization", {"bin_boundaries": [-0.5, 0.1, 0.7]}, [(2, 3)]),
    ("Discretization", {"bin_boundaries": [-0.5, 0.1, 0.7], "output_mode": "one_hot"}, [(2, 3)]),
]

# (class, arguments)
LOSSES = [
    ("MeanSquaredError", {}),
    ("MeanAbsoluteError", {}),
    ("MeanAbsolutePercentageError", {}),
    ("MeanSquaredLogarithmicError", {}),
    ("Huber", {"delta": 0.3}),
    ("LogCosh", {}),
    ("CosineSimilarity", {}),
    ("Hinge", {}),
    ("SquaredHinge", {}),
    ("CategoricalHinge", {}),
    ("KLDivergence", {}),
    ("Poisson", {}),
    ("CategoricalCrossentropy", {}),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("SparseCategoricalCrossentropy", {}),
    ("SparseCategoricalCrossentropy", {"from_logits": True}),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}),
    ("BinaryCrossentropy", {}),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}),
    ("BinaryFocalCrossentropy", {}),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "from_logits": True}),
    ("CategoricalFocalCrossentropy", {}),
    ("Dice", {}),
    ("Dice", {"axis": (1,)}),
    ("Tversky", {"alpha": 0.3, "beta": 0.6}),
    ("Circle", {}),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.4}),
]

# (class, arguments)
METRICS = [
    ("AUC", {}),
    ("AUC", {"num_thresholds": 20, "curve": "PR"}),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 30}),
    ("AUC", {"thresholds": [0.2, 0.5, 0.9], "summation_method": "minoring"}),
    ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2.0, 3.0]}),
    ("AUC", {"from_logits": True}),
    ("Accuracy", {}),
    ("BinaryAccuracy", {"threshold": 0.4}),
    ("CategoricalAccuracy", {}),
    ("SparseCategoricalAccuracy", {}),
    ("TopKCategoricalAccuracy", {"k": 2}),
    ("SparseTopKCategoricalAccuracy", {"k": 2}),
    ("BinaryCrossentropy", {}),
    ("CategoricalCrossentropy", {}),
    ("SparseCategoricalCrossentropy", {}),
    ("CategoricalHinge", {}),
    ("Hinge", {}),
    ("SquaredHinge", {}),
    ("ConcordanceCorrelation", {}),
    ("PearsonCorrelation", {}),
    ("CosineSimilarity", {}),
    ("F1Score", {}),
    ("F1Score", {"average": "weighted", "threshold": 0.5}),
    ("FBetaScore", {"beta": 2.0, "average": "micro", "threshold": 0.5}),
    ("FBetaScore", {"beta": 2.0, "average": "macro"}),
    ("FalseNegatives", {"thresholds": [0.2, 0.6]}),
    ("FalsePositives", {}),
    ("TruePositives", {}),
    ("TrueNegatives", {}),
    ("KLDivergence", {}),
    ("LogCoshError", {}),
    ("MeanAbsoluteError", {}),
    ("MeanAbsolutePercentageError", {}),
    ("MeanSquaredError", {}),
    ("MeanSquaredLogarithmicError", {}),
    ("RootMeanSquaredError", {}),
    ("Poisson", {}),
    ("Precision", {}),
    ("Precision", {"top_k": 2}),
    ("Precision", {"class_id": 1, "thresholds": [0.3, 0.5]}),
    ("Recall", {}),
    ("Recall", {"top_k": 1}),
    ("PrecisionAtRecall", {"recall": 0.6}),
    ("RecallAtPrecision", {"precision": 0.6}),
    ("SensitivityAtSpecificity", {"specificity": 0.5}),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4}),
    ("R2Score", {}),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}),
    ("R2Score", {"class_aggregation": None}),
    ("BinaryIoU", {}),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}),
    ("MeanIoU", {"num_classes": 3}),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [0, 1]}),
    ("OneHotMeanIoU", {"num_classes": 3}),
]

# (class, arguments)
OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"clipnorm": 0.5}),
    ("SGD", {"clipvalue": 0.2}),
    ("SGD", {"global_clipnorm": 0.7}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}),
    ("SGD", {"gradient_accumulation_steps": 2, "clipnorm": 1.0}),
    ("Adam", {"learning_rate": 0.01}),
    ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    ("Adam", {"gradient_accumulation_steps": 2}),
    ("AdamW", {"learning_rate": 0.01}),
    ("Adamax", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Lamb", {"learning_rate": 0.01}),
    ("RMSprop", {"learning_rate": 0.01}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.9, "centered": True}),
    ("Adagrad", {"learning_rate": 0.01}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Ftrl", {"learning_rate": 0.01}),
    ("Ftrl", {"learning_rate": 0.01, "l1_regularization_strength": 0.01, "l2_regularization_strength": 0.1,
     "l2_shrinkage_regularization_strength": 0.1, "beta": 0.1}),
    ("Lion", {"learning_rate": 0.01}),
    ("Adafactor", {"learning_rate": 0.01}),
    ("Adafactor", {"learning_rate": 0.01, "weight_decay": 0.1}),
    ("Adafactor", {"learning_rate": 0.01, "relative_step": False}),
    ("Muon", {"learning_rate": 0.01}),
    ("Muon", {"learning_rate": 0.01, "nesterov": False, "rms_rate": None, "weight_decay": 0.1,
     "adam_weight_decay": 0.02}),
]

# (class, arguments)
SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 9], "values": [1.0, 0.5, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "power": 2.0}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "cycle": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "alpha": 0.1}),
    ("CosineDecay", {"initial_learning_rate": 0.01, "decay_steps": 7, "warmup_target": 0.1, "warmup_steps": 4}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4, "t_mul": 1.0, "m_mul": 0.5}),
]

ACTIVATIONS = """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear
log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink""".split()

_REAL = ("MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredLogarithmicError Huber LogCosh "
         "CosineSimilarity Poisson R2Score ConcordanceCorrelation PearsonCorrelation LogCoshError "
         "RootMeanSquaredError").split()
_BINARY = ("BinaryCrossentropy BinaryFocalCrossentropy Hinge SquaredHinge Dice Tversky AUC BinaryAccuracy BinaryIoU "
           "Precision Recall FalseNegatives FalsePositives TruePositives TrueNegatives PrecisionAtRecall "
           "RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity").split()


def inputs(shapes, seed=0):
    """Normal numbers of the given shapes."""
    random = np.random.RandomState(seed)
    return [random.randn(*shape).astype("float32") for shape in shapes]


def weights(shapes):
    """Positive numbers of the given shapes (variances are among the weights)."""
    return [np.abs(array) * np.float32(0.5) + np.float32(0.05) for array in inputs(shapes, seed=1)]


def labels_and_predictions(name, seed=0):
    """Labels that suit a loss or metric, and predictions that are probabilities of three classes."""
    random = np.random.RandomState(seed)
    shares = random.dirichlet(np.ones(3), 8).astype("float32")
    if name in _REAL:
        return random.rand(8, 3).astype("float32"), shares
    if name.startswith("Sparse") or name == "CategoricalGeneralizedCrossEntropy":
        return random.randint(0, 3, 8), shares
    if name == "Circle":
        vectors = random.randn(8, 3).astype("float32")
        return np.array([0, 0, 1, 1, 2, 2, 0, 1]), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if name in _BINARY:
        return random.randint(0, 2, (8, 3)).astype("float32"), shares
    if name in ("IoU", "MeanIoU", "Accuracy"):
        return random.randint(0, 3, (8, 1)), random.randint(0, 3, (8, 1))
    return np.eye(3, dtype="float32")[random.randint(0, 3, 8)], shares


SAMPLE_WEIGHT = np.linspace(0.1, 2.0, 8).astype("float32")

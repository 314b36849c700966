"""Calls of `keras.ops` with arguments varied, as name -> [(function(ops, *inputs), kinds of the inputs)].

A kind says how an input is drawn: ("normal", *shape), ("share", ...) in (-0.9, 0.9), ("positive", ...), ("holes", ...)
with NaN in it, ("definite", n) a symmetric matrix with positive eigenvalues, ("whole", largest, *shape) integers. Where
two libraries may choose (signs of eigenvectors, the order inside a partition) the function makes the choice vanish.
"""

import numpy as np

N, S, P, H, D, W = "normal", "share", "positive", "holes", "definite", "whole"


def simple(name, *kinds, **arguments):
    """A call of the function `name` with these inputs."""
    return lambda ops, *inputs: getattr(ops, name)(*inputs, **arguments), list(kinds)


ONE = {
    "erfinv": [(S, 3, 4)], "i0": [(N, 3, 4)], "sinc": [(N, 3, 4)], "signbit": [(N, 5)], "isposinf": [(N, 5)],
    "isneginf": [(N, 5)], "isreal": [(N, 5)], "real": [(N, 5)], "imag": [(N, 5)], "conj": [(N, 5)],
    "conjugate": [(N, 5)], "angle": [(N, 5)], "fmod": [(N, 3, 4), (P, 4)], "fmax": [(H, 3, 4), (N, 4)],
    "fmin": [(N, 3, 4), (H, 3, 4)], "nextafter": [(N, 4), (N, 4)], "bitwise_and": [(W, 20, 6), (W, 20, 6)],
    "bitwise_or": [(W, 20, 6), (W, 20, 6)], "bitwise_xor": [(W, 20, 6), (W, 20, 6)], "bitwise_not": [(W, 20, 6)],
    "bitwise_invert": [(W, 20, 6)], "bitwise_left_shift": [(W, 20, 6), (W, 5, 6)],
    "bitwise_right_shift": [(W, 90, 6), (W, 5, 6)], "left_shift": [(W, 20, 6), (W, 5, 6)],
    "right_shift": [(W, 90, 6), (W, 5, 6)], "gcd": [(W, 90, 6), (W, 90, 6)], "lcm": [(W, 90, 6), (W, 90, 6)],
    "ldexp": [(N, 4), (W, 5, 4)], "kron": [(N, 2, 3), (N, 3, 2)], "cdist": [(N, 3, 4), (N, 5, 4)],
    "corrcoef": [(N, 3, 6)], "diagflat": [(N, 2, 2)], "inv": [(D, 3)], "det": [(D, 3)], "slogdet": [(D, 3)],
    "logdet": [(D, 3)], "pinv": [(N, 4, 3)], "matrix_rank": [(N, 4, 3)], "nonzero": [(W, 3, 3, 4)], "psnr": None,
    "nanargmax": [(H, 3, 4)], "nanargmin": [(H, 3, 4)], "fft2": None, "ifft2": None,
}
REDUCTIONS = ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanmedian", "ptp")


def _symmetric(ops, x):
    return 0.5 * (x + ops.swapaxes(x, -1, -2))


def _cases():
    cases = {name: [simple(name, *kinds)] for name, kinds in ONE.items() if kinds}
    for name in REDUCTIONS:
        kind = (N if name == "ptp" else H, 3, 4, 2)
        cases[name] = [simple(name, kind), simple(name, kind, axis=1), simple(name, kind, axis=(0, -1), keepdims=True)]
    for name in ("nanargmax", "nanargmin"):
        cases[name] += [simple(name, (H, 3, 4), axis=1), simple(name, (H, 3, 4), axis=0, keepdims=True)]
    for name in ("nancumsum", "nancumprod"):
        cases[name] = [simple(name, (H, 3, 4)), simple(name, (H, 3, 4), axis=1), simple(name, (H, 5), dtype="float32")]
    for name in ("quantile", "nanquantile", "percentile", "nanpercentile"):
        kind = (N if name[0] != "n" else H, 3, 4, 2)
        scale = 100.0 if "percentile" in name else 1.0
        cases[name] = [simple(name, kind, q=0.3 * scale), simple(name, kind, q=np.float32([0.25, 0.5]) * scale, axis=1),
                       *[simple(name, kind, q=0.37 * scale, axis=(0, 2), method=method, keepdims=True)
                         for method in ("linear", "lower", "higher", "midpoint", "nearest")]]
    return cases


CASES = _cases()
CASES |= {
    "psnr": [simple("psnr", (N, 2, 3), (N, 2, 3), max_val=2.0)],
    "bartlett": [simple("bartlett", x=7), simple("bartlett", x=8)], "blackman": [simple("blackman", x=7)],
    "hamming": [simple("hamming", x=7)], "hanning": [simple("hanning", x=8)], "kaiser": [simple("kaiser", x=7, beta=5)],
    "cross": [simple("cross", (N, 4, 3), (N, 4, 3)), simple("cross", (N, 3, 4), (N, 3, 4), axis=0),
              simple("cross", (N, 4, 2), (N, 4, 2)), simple("cross", (N, 3, 4), (N, 4, 3), axisa=0, axisc=0)],
    "vander": [simple("vander", (N, 4)), simple("vander", (N, 4), N=3, increasing=True)],
    "diagflat": [simple("diagflat", (N, 3), k=1), simple("diagflat", (N, 2, 2), k=-1)],
    "argpartition": [(lambda ops, x: ops.sort(ops.take_along_axis(x, ops.argpartition(x, 2), -1)[:, :3]), [(N, 3, 7)])],
    "isin": [simple("isin", (W, 9, 3, 4), (W, 9, 3)), simple("isin", (W, 9, 3, 4), (W, 9, 2), invert=True)],
    "unravel_index": [(lambda ops, x: ops.unravel_index(x, (3, 5)), [(W, 15, 4)])],
    "unique": [simple("unique", (W, 5, 9)), simple("unique", (W, 5, 9), return_index=True, return_inverse=True,
                                                   return_counts=True), simple("unique", (W, 2, 6, 2), axis=0),
               simple("unique", (W, 5, 9), size=7, fill_value=-1), simple("unique", (W, 5, 9), size=2)],
    "hsplit": [simple("hsplit", (N, 4, 6), indices_or_sections=2)],
    "vsplit": [simple("vsplit", (N, 4, 6), indices_or_sections=[1])],
    "dsplit": [simple("dsplit", (N, 2, 2, 4), indices_or_sections=2)],
    "array_split": [simple("array_split", (N, 7, 2), indices_or_sections=3)],
    "logspace": [simple("logspace", start=0.0, stop=2.0, num=4), simple("logspace", start=0.0, stop=3.0, num=4, base=2,
                                                                        endpoint=False)],
    "geomspace": [simple("geomspace", start=1.0, stop=8.0, num=4)],
    "linspace": [simple("linspace", start=0.0, stop=1.0, num=5, retstep=True),
                 simple("linspace", start=0, stop=1, num=3)],
    "histogram": [(lambda ops, x, **how: (ops.cast(ops.histogram(x, **how)[0], "int32"), ops.histogram(x, **how)[1]),
                   [(N, 20)]),
                  (lambda ops, x: ops.cast(ops.histogram(x, bins=4, range=(-1.0, 1.0))[0], "int32"), [(N, 20)])],
    "rearrange": [(lambda ops, x: ops.rearrange(x, "b (h1 h) (w1 w) c -> (b h1 w1) h w c", h1=2, w1=2),
                   [(N, 2, 4, 6, 3)]),
                  (lambda ops, x: ops.rearrange(x, "b h w c -> b (c h w)"), [(N, 2, 4, 6, 3)])],
    "view": [(lambda ops, x: ops.view(x, "int32"), [(N, 2, 3)]), (lambda ops, x: ops.view(x, "uint8"), [(W, 9, 2, 3)])],
    "correlate": [simple("correlate", (N, 7), (N, n), mode=mode) for n in (3, 4) for mode in ("valid", "same", "full")]
    + [simple("correlate", (N, 3), (N, 6), mode=mode) for mode in ("valid", "same", "full")],
    "searchsorted": [(lambda ops, x, y: ops.searchsorted(ops.sort(x), y, side="right"), [(N, 6), (N, 4)])],
    "digitize": [(lambda ops, x, y: ops.digitize(x, ops.sort(y)), [(N, 2, 3), (N, 4)])],
    "cumsum": [simple("cumsum", (W, 5, 2, 3), axis=1, dtype="float32")],
    "prod": [simple("prod", (W, 5, 2, 3), axis=1, dtype="float32")],
    "max": [simple("max", (N, 2, 3), axis=1, initial=0.2)], "min": [simple("min", (N, 2, 3), axis=1, initial=0.2)],
    "concatenate": [(lambda ops, x, y: ops.concatenate([x, y]), [(N, 2, 3), (N, 1, 3)])],
    "identity": [simple("identity", n=3)], "arange": [simple("arange", start=2, stop=9, step=3)],
    "where": [(lambda ops, x: ops.where(x > 1), [(W, 3, 3, 2)])],
    "slice": [(lambda ops, x: ops.slice(x, (1, 0), (2, 2)), [(N, 3, 4)])],
    "depth_to_space": [simple("depth_to_space", (N, 1, 2, 3, 8), block_size=2),
                       simple("depth_to_space", (N, 1, 8, 2, 3), block_size=2, data_format="channels_first")],
    "space_to_depth": [simple("space_to_depth", (N, 1, 4, 6, 2), block_size=2),
                       simple("space_to_depth", (N, 1, 2, 4, 6), block_size=2, data_format="channels_first")],
    "norm": [simple("norm", (N, 3, 4)), simple("norm", (N, 3, 4, 2)),
             *[simple("norm", (N, 3, 4), ord=ord, axis=(0, 1), keepdims=keep)
               for ord, keep in (("fro", True), ("nuc", False), (1, True), (-1, False), (2, True), (-2, False),
                                 (np.inf, False), (-np.inf, True))],
             *[simple("norm", (N, 3, 4), ord=ord, axis=1) for ord in (0, 1, 2, 3, 0.5, np.inf, -np.inf)],
             simple("norm", (N, 3, 4), ord=2)],
    "cholesky": [(lambda ops, x: ops.cholesky(_symmetric(ops, x)), [(D, 2, 3)]),
                 (lambda ops, x: ops.cholesky(_symmetric(ops, x), upper=True), [(D, 3)])],
    "cholesky_inverse": [(lambda ops, x: ops.cholesky_inverse(ops.tril(x)), [(D, 3)]),
                         (lambda ops, x: ops.cholesky_inverse(ops.triu(x), upper=True), [(D, 3)])],
    "inv": [simple("inv", (D, 2, 3))], "det": [simple("det", (D, 2, 3))],
    "solve": [simple("solve", (D, 3), (N, 3)), simple("solve", (D, 2, 3), (N, 2, 3, 2))],
    "solve_triangular": [simple("solve_triangular", (D, 3), (N, 3, 2)),
                         simple("solve_triangular", (D, 2, 3), (N, 2, 3, 2), lower=True)],
    "lstsq": [simple("lstsq", (N, 5, 3), (N, 5)), simple("lstsq", (N, 5, 3), (N, 5, 2))],
    "pinv": [simple("pinv", (N, 4, 3)), simple("pinv", (N, 2, 3, 4), rcond=1e-3)],
    "eigh": [(lambda ops, x: (ops.eigh(_symmetric(ops, x))[0], ops.square(ops.eigh(_symmetric(ops, x))[1])), [(D, 3)])],
    "qr": [(lambda ops, x: tuple(ops.square(part) for part in ops.qr(x)), [(N, 4, 3)]),
           (lambda ops, x: tuple(ops.square(part) for part in ops.qr(x)), [(N, 2, 3, 3)]),
           (lambda ops, x: ops.stop_gradient(ops.square(ops.qr(x, mode="complete")[0])), [(N, 4, 3)])],
    "svd": [(lambda ops, x: tuple(ops.square(part) for part in ops.svd(x, full_matrices=False)), [(N, 4, 3)]),
            (lambda ops, x: tuple(ops.square(part) for part in ops.svd(x, full_matrices=False)), [(N, 2, 3, 4)]),
            (lambda ops, x: ops.stop_gradient(ops.square(ops.svd(x)[0])), [(N, 4, 3)]),
            (lambda ops, x: ops.svd(x, compute_uv=False), [(N, 4, 3)])],
    "lu_factor": [(lambda ops, x: tuple(ops.stop_gradient(part) for part in ops.lu_factor(x)), [(N, 4, 4)]),
                  (lambda ops, x: ops.stop_gradient(ops.lu_factor(x)[0]), [(N, 2, 4, 3)])],
    "fft": [(lambda ops, x, y: ops.fft((x, y)), [(N, 2, 5), (N, 2, 5)])],
    "fft2": [(lambda ops, x, y: ops.fft2((x, y)), [(N, 2, 3, 4), (N, 2, 3, 4)])],
    "ifft2": [(lambda ops, x, y: ops.ifft2((x, y)), [(N, 3, 4), (N, 3, 4)])],
    "rfft": [simple("rfft", (N, 2, n), fft_length=length) for n, length in ((5, None), (6, None), (6, 4), (5, 8))],
    "irfft": [(lambda ops, x, y, length=length: ops.irfft((x, y), length), [(N, 2, 4), (N, 2, 4)])
              for length in (None, 7, 5, 10)],
    "extract_sequences": [simple("extract_sequences", (N, 2, 9), sequence_length=4, sequence_stride=2)],
    "stft": [simple("stft", (N, 2, 16), sequence_length=6, sequence_stride=3, fft_length=8),
             simple("stft", (N, 16), sequence_length=6, sequence_stride=2, fft_length=6, window="hamming",
                    center=False),
             simple("stft", (N, 16), sequence_length=4, sequence_stride=4, fft_length=4, window=None, center=False)],
    "istft": [(lambda ops, x, y: ops.istft((x, y), 8, 4, 8), [(N, 2, 5, 5), (N, 2, 5, 5)]),
              (lambda ops, x, y: ops.istft((x, y), 4, 4, 4, window=None, center=False), [(N, 4, 3), (N, 4, 3)]),
              (lambda ops, x, y: ops.istft((x, y), 6, 2, 8, length=9, window="hamming"), [(N, 5, 5), (N, 5, 5)])],
    "scatter": [(lambda ops, i, v: ops.scatter(i, v, (5, 2)), [(W, 5, 4, 1), (N, 4, 2)]),
                (lambda ops, i, v: ops.scatter(i, v, (5, 5)), [(W, 5, 6, 2), (N, 6)])],
    "scatter_update": [simple("scatter_update", (N, 4, 3), (W, 3, 6, 2), (N, 6), reduction=reduction)
                       for reduction in ("add", "max", "min", "mul")]
    + [(lambda ops, x, u: ops.scatter_update(x, np.int32([[3], [1]]), u), [(N, 5, 3), (N, 2, 3)])],
    "segment_max": [simple("segment_max", (N, 6, 2), (W, 3, 6), num_segments=4)],
    "segment_min": [simple("segment_min", (N, 6), (W, 3, 6), num_segments=4)],
    "segment_prod": [simple("segment_prod", (N, 6, 2), (W, 3, 6), num_segments=4)],
    "segment_sum": [simple("segment_sum", (N, 6, 2), (W, 3, 6), num_segments=4)],
    "unfold": [simple("unfold", (N, 2, 3, 5, 6), kernel_size=2),
               simple("unfold", (N, 1, 2, 6, 5), kernel_size=(3, 2), dilation=(1, 2), padding=1, stride=2)],
    "fold": [simple("fold", (N, 2, 12, 9), output_size=4, kernel_size=2),
             simple("fold", (N, 1, 12, 9), output_size=(6, 5), kernel_size=(3, 2), dilation=(1, 2), padding=1,
                    stride=2)],
    "dot_product_attention": [
        simple("dot_product_attention", (N, 2, 3, 2, 4), (N, 2, 5, 2, 4), (N, 2, 5, 2, 4)),
        simple("dot_product_attention", (N, 2, 4, 4, 3), (N, 2, 4, 2, 3), (N, 2, 4, 2, 3), is_causal=True, scale=0.3),
        (lambda ops, q, k, v, m: ops.dot_product_attention(q, k, v, mask=m > 0),
         [(N, 2, 3, 2, 4), (N, 2, 5, 2, 4), (N, 2, 5, 2, 4), (W, 3, 2, 1, 3, 5)]),
        (lambda ops, q, k, v, b: ops.dot_product_attention(q, k, v, bias=b),
         [(N, 2, 3, 2, 4), (N, 2, 5, 2, 4), (N, 2, 5, 2, 4), (N, 2, 2, 3, 5)])],
    "ctc_loss": [(lambda ops, y: ops.ctc_loss(np.int32([[1, 2, 2], [3, 1, 0]]), y, np.int32([3, 2]), np.int32([7, 5])),
                  [(N, 2, 7, 4)]),
                 (lambda ops, y: ops.ctc_loss(np.int32([[1, 0], [2, 2]]), y, np.int32([2, 2]), np.int32([5, 5]),
                                              mask_index=3), [(N, 2, 5, 4)])],
    "ctc_decode": [
        (lambda ops, y: ops.stop_gradient(ops.ctc_decode(y, np.int32([8, 5]))[1]), [(N, 2, 8, 3)]),
        (lambda ops, y: ops.ctc_decode(y, np.int32([8, 5]), merge_repeated=False, mask_index=2)[0], [(N, 2, 8, 3)]),
        (lambda ops, y: ops.ctc_decode(y, np.int32([8, 5]))[0], [(N, 2, 8, 3)]),
        (lambda ops, y: tuple(ops.stop_gradient(part) for part in ops.ctc_decode(
            y, np.int32([6, 4]), strategy="beam_search", beam_width=20, top_paths=2)), [(N, 2, 6, 3)])],
    "associative_scan": [
        (lambda ops, x, reverse=reverse, axis=axis: ops.associative_scan(lambda a, b: a * b, x, reverse=reverse,
                                                                         axis=axis), [(N, 3, 5)])
        for reverse, axis in ((False, 0), (True, 1), (False, -1))],
    "vectorize": [(lambda ops, x, y: ops.vectorize(lambda a, b: ops.sum(a * b), signature="(n),(n)->()")(x, y),
                   [(N, 2, 3), (N, 3)])],
    "image.extract_patches": [
        (lambda ops, x: ops.image.extract_patches(x, (2, 3)), [(N, 2, 5, 6, 2)]),
        (lambda ops, x: ops.image.extract_patches(x, 3, strides=2, padding="same"), [(N, 5, 6, 2)]),
        (lambda ops, x: ops.image.extract_patches(x, 2, strides=(1, 2), dilation_rate=2, data_format="channels_first"),
         [(N, 2, 2, 5, 6)])],
    "image.extract_patches_3d": [(lambda ops, x: ops.image.extract_patches_3d(x, 2, strides=1), [(N, 1, 3, 3, 4, 2)])],
    "image.map_coordinates": [
        (lambda ops, x, c, order=order, mode=mode: ops.image.map_coordinates(x, c * 6.0, order, fill_mode=mode,
                                                                             fill_value=0.5), [(N, 4, 5), (N, 2, 7)])
        for order in (0, 1) for mode in ("constant", "nearest", "wrap", "mirror", "reflect")],
    "image.affine_transform": [
        (lambda ops, x, t: ops.image.affine_transform(x, t * np.float32([1, 1, 1, 1, 1, 1, 0, 0]), fill_mode="mirror"),
         [(N, 2, 4, 5, 2), (N, 2, 8)])],
    "image.perspective_transform": [
        (lambda ops, x, s, how=how: ops.image.perspective_transform(
            x, np.float32([[0, 0], [0, 4], [5, 0], [5, 4]]) + 0.3 * s,
            np.float32([[0.5, 0], [0, 4.5], [5, 0.25], [4, 4]]), interpolation=how, fill_value=1.0),
         [(N, 4, 5, 2), (S, 4, 2)]) for how in ("bilinear", "nearest")],
    "image.scale_and_translate": [
        (lambda ops, x, method=method, smooth=smooth: ops.image.scale_and_translate(
            x, (7, 3, 2), np.float32([1.6, 0.5]), np.float32([0.7, 0.2]), (0, 1), method, antialias=smooth),
         [(N, 4, 6, 2)]) for method in ("linear", "cubic", "lanczos3") for smooth in (True, False)],
    "image.gaussian_blur": [(lambda ops, x: ops.image.gaussian_blur(x, (5, 3), (1.5, 0.7)), [(N, 2, 6, 7, 2)])],
    "image.sobel_edges": [(lambda ops, x: ops.image.sobel_edges(x), [(N, 2, 4, 5, 2)]),
                          (lambda ops, x: ops.image.sobel_edges(x, data_format="channels_first"), [(N, 1, 2, 4, 5)])],
    "image.ssim": [(lambda ops, x, y: ops.image.ssim(x, y, filter_size=3, max_val=2.0),
                    [(P, 2, 6, 7, 2), (P, 2, 6, 7, 2)]),
                   (lambda ops, x, y: ops.image.ssim(x, y), [(P, 12, 12, 1), (P, 12, 12, 1)])],
    "image.crop_images": [(lambda ops, x: ops.image.crop_images(x, bottom_cropping=1, target_height=2, left_cropping=1,
                                                                right_cropping=2), [(N, 1, 5, 6, 1)])],
    "image.pad_images": [(lambda ops, x: ops.image.pad_images(x, bottom_padding=1, target_height=8, left_padding=1,
                                                              target_width=8), [(N, 1, 5, 6, 1)])],
}

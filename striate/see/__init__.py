"""Pictures and explanations of networks, data and runs: pure functions from a model, an input or a run to a result.

Every result prints as text, shows itself in a notebook, and saves itself by the ending of a file's name:

    from striate import see
    see.number(model, image, "conv2d", (3, 4, 0)).save("number.svg")
"""

from importlib import import_module

_NAMES = {
    "number": "explanation", "gradient_number": "weight_gradient",
    "arithmetic": "sizes", "connectivity": "counting", "edge_detection": "counting",
    "feature_maps": "maps", "filters": "maps", "patches": "maps", "receptive_field": "fields",
    "saliency": "attribution", "grad_cam": "attribution", "occlusion": "attribution",
    "activation_maximisation": "attribution", "invariance": "shifting",
    "DrawnModel": "drawn_model", "architecture": "architecture_figure", "animate": "films",
    "passes": "training_step", "film_of": "films",
    "smoothing": "signals", "matched_filter": "signals", "impulse_response": "signals", "noisy_sensor": "signals",
    "convolve": "signals", "toeplitz": "signals", "convolution_forms": "signals", "x_or_o": "letters",
    "x_or_o_votes": "letters_votes", "x_or_o_tricks": "letters_votes",
    "plan": "plan_table", "doctor": "diagnosis",
    "Recorder": "recording", "Timeline": "travel", "time_travel": "travel",
    "confusion": "answers", "worst_mistakes": "answers", "most_confident": "answers",
    "embedding": "features", "regression": "regression_figure", "samples": "samples_figure", "report": "run_report",
}
__all__ = list(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(f"striate.see.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'striate.see' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""Records what Keras makes of `augmentation_cases.py`, for the tests that always run.

    KERAS_BACKEND=tensorflow python tests/differential/record_augmentations.py

Written is recorded_augmentations.npz beside this file. The backends agree on every row.
"""

from pathlib import Path

import augmentation_cases
import keras
import numpy as np


def main():
    """Runs every row."""
    points = {f"point{index}": augmentation_cases.run_point(keras, row)
              for index, row in enumerate(augmentation_cases.POINTS)}
    spreads = {f"spread{index}": augmentation_cases.run_spread(keras, row)
               for index, row in enumerate(augmentation_cases.SPREADS)}
    np.savez_compressed(Path(__file__).parent / "recorded_augmentations.npz", **points, **spreads)


if __name__ == "__main__":
    main()

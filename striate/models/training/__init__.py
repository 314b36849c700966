"""Training, evaluation and prediction: data in, one compiled program a step, results out."""

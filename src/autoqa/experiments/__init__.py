"""Experiments: a question, a spec, splits, arms, figures with intervals, tracked in MLflow."""

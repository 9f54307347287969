"""Scores of multiple-choice questions: the same evaluator during training and over finished checkpoints."""

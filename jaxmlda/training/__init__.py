"""Continual training: the step, the optimizer, the schedules, the checkpoints, and one linear loop."""

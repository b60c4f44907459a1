"""How a network is trained and judged: batches, losses, optimizers, schedules, the fit loop. Knows torch and NumPy."""

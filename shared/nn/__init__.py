"""The layers a learner writes, one module for each idea. Known only to torch and NumPy."""

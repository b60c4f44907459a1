"""Generated data: sentence pairs, drawn images and a load curve, made afresh from a seed and never stored.

They are the stand-ins for the public data of weeks 2 (images), 4 and 6 (sentence pairs) and 5 (load curve) where
no network is at hand. The same seed gives the same data on every platform.
"""

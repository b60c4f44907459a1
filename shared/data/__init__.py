"""Every data set of the course by one call, real where it can be had, a stand-in where not.

    from shared import data
    mnist = data.mnist()
    print(mnist)            # MNIST · 60,000 train / 10,000 test · real, from BUMBLEBEE_DATA
    mnist.train.images      # uint8 (60000, 28, 28)

`README.md` beside this file tells where it looks, and in which order. Importing this package loads no heavy library.
"""

from shared.data.errors import DataError, DownloadError
from shared.data.source import Dataset, Source
from shared.data.splits import Article, Articles, Images, Pairs, Records, Series, Table, Texts
from shared.data.tables import diabetes
from shared.data.vision import digits, mnist

__all__ = [
    "Article", "Articles", "DataError", "Dataset", "DownloadError", "Images", "Pairs", "Records", "Series", "Source",
    "Table", "Texts", "diabetes", "digits", "mnist",
]  # fmt: skip

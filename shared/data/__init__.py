"""Every data set of the course by one call, real where it can be had, a stand-in where not.

    from shared import data
    mnist = data.mnist()
    print(mnist)            # MNIST · 60,000 train / 10,000 test · real, from BUMBLEBEE_DATA
    mnist.train.images      # uint8 (60000, 28, 28)

`README.md` beside this file tells where it looks, and in which order. Importing this package loads no heavy library.
"""

from shared.data.cifar import cifar10, drawn_images
from shared.data.errors import DataError, DownloadError
from shared.data.film_reviews import imdb, reviews, rotten_tomatoes
from shared.data.language import encyclopedia_texts, shakespeare, wikitext2
from shared.data.news import ag_news, encyclopedia_passages
from shared.data.questions import encyclopedia_questions, squad
from shared.data.rows import Article, Conversation, Instruction, Message, Preference, Question
from shared.data.sentences import grammar_pairs, sentence_pairs
from shared.data.series import ett, load_curve, sunspots
from shared.data.source import Dataset, Source
from shared.data.splits import (
    Articles,
    Images,
    Pairs,
    Questions,
    Records,
    Series,
    Table,
    Texts,
    Vocabulary,
)
from shared.data.tables import diabetes
from shared.data.talk import (
    chat_instructions,
    chats,
    conversations,
    instructions,
    preference_pairs,
    preferences,
)
from shared.data.vision import digits, mnist
from shared.data.vocabularies import (
    bert_vocabulary,
    byte_vocabulary,
    gpt2_vocabulary,
    letter_vocabulary,
)
from shared.data.wiki import encyclopedia, wikipedia

__all__ = [
    "Article",
    "Articles",
    "Conversation",
    "DataError",
    "Dataset",
    "DownloadError",
    "Images",
    "Instruction",
    "Message",
    "Pairs",
    "Preference",
    "Question",
    "Questions",
    "Records",
    "Series",
    "Source",
    "Table",
    "Texts",
    "Vocabulary",
    "ag_news",
    "bert_vocabulary",
    "byte_vocabulary",
    "chat_instructions",
    "chats",
    "cifar10",
    "conversations",
    "diabetes",
    "digits",
    "drawn_images",
    "encyclopedia",
    "encyclopedia_passages",
    "encyclopedia_questions",
    "encyclopedia_texts",
    "ett",
    "gpt2_vocabulary",
    "grammar_pairs",
    "imdb",
    "instructions",
    "letter_vocabulary",
    "load_curve",
    "mnist",
    "preference_pairs",
    "preferences",
    "reviews",
    "rotten_tomatoes",
    "sentence_pairs",
    "shakespeare",
    "squad",
    "sunspots",
    "wikipedia",
    "wikitext2",
]

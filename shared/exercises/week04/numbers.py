"""`text.normalize` and `text.tf_idf`: cases, mistakes, hints. What follows in the notebook is in `meaning`."""

import re
import unicodedata

import torch
import torch.nn.functional as F

from shared.exercises.spec import Case, Exercise, Mistake
from shared.text import normalization, tfidf

NOTEBOOK = "week04_rnn/4_explore_text_to_numbers.ipynb"
SPELLING = "One spelling for one word"
WEIGHTS = "Weigh the words"


# --- normalize -------------------------------------------------------------------------------------------------------


def _code_points(implementation, text, strip_accents=False):
    """The text and its code points: two texts that look alike are told apart by these."""
    output = implementation(text, strip_accents)
    if not isinstance(output, str):
        return {"text": output}
    return {"text": output, "code points": [f"U+{ord(c):04X}" for c in output]}


def _twice(implementation, text, strip_accents):
    once = implementation(text, strip_accents)
    return {"the second time nothing changes": implementation(once, strip_accents) == once}


def _by_default(implementation, text):
    return implementation(text)


def _folded(text, form="NFKC", lower=str.casefold, strip=False, join=lambda t: " ".join(t.split())):
    text = lower(unicodedata.normalize(form, text))
    if strip:
        apart = unicodedata.normalize("NFD", text)
        text = "".join(c for c in apart if not unicodedata.combining(c))
    return join(unicodedata.normalize(form, text))


def normalize_only_canonically(text, strip_accents=False):
    return _folded(text, form="NFC", strip=strip_accents)


def normalize_and_leave_it_apart(text, strip_accents=False):
    return _folded(text, form="NFKD", strip=strip_accents)


def normalize_with_lower(text, strip_accents=False):
    return _folded(text, lower=str.lower, strip=strip_accents)


def normalize_without_folding(text, strip_accents=False):
    return _folded(text, lower=str, strip=strip_accents)


def normalize_stripping_what_is_together(text, strip_accents=False):
    text = unicodedata.normalize("NFKC", text).casefold()
    if strip_accents:
        text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFKC", text).split())


def normalize_always_without_accents(text, strip_accents=False):
    return _folded(text, strip=True)


def normalize_never_without_accents(text, strip_accents=False):
    return _folded(text)


def normalize_with_the_switch_turned(text, strip_accents=False):
    return _folded(text, strip=not strip_accents)


def normalize_to_ascii(text, strip_accents=False):
    text = _folded(text, strip=strip_accents)
    if strip_accents:
        text = " ".join(text.encode("ascii", "ignore").decode().split())
    return text


def normalize_and_drop_accented_letters(text, strip_accents=False):
    text = _folded(text)
    if strip_accents:
        text = "".join(c for c in text if not unicodedata.decomposition(c))
    return " ".join(text.split())


def normalize_with_ends_trimmed_only(text, strip_accents=False):
    return _folded(text, strip=strip_accents, join=str.strip)


def normalize_without_spaces(text, strip_accents=False):
    return _folded(text, strip=strip_accents, join=lambda t: "".join(t.split()))


def normalize_by_replacing_double_spaces(text, strip_accents=False):
    return _folded(text, strip=strip_accents, join=lambda t: t.replace("  ", " ").strip())


def normalize_without_touching_spaces(text, strip_accents=False):
    return _folded(text, strip=strip_accents, join=str)


def normalize_left_apart_after_stripping(text, strip_accents=False):
    text = unicodedata.normalize("NFKC", text).casefold()
    if strip_accents:
        apart = unicodedata.normalize("NFD", text)
        text = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join(text.split())


def normalize_without_punctuation(text, strip_accents=False):
    return " ".join(re.findall(r"\w+", _folded(text, strip=strip_accents)))


def _normalize_mark_by_mark(text, strip_accents=False):
    text = unicodedata.normalize("NFKD", text).casefold()
    kept = []
    for character in unicodedata.normalize("NFKD", text):
        if strip_accents and unicodedata.category(character) == "Mn":
            continue
        kept.append(character)
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", "".join(kept))).strip()


NORMALIZE = Exercise(
    name="text.normalize",
    week=4,
    notebook=NOTEBOOK,
    reference=normalization.normalize,
    cases=(
        Case("composed accents", lambda: ["cafe\u0301"], run=_code_points),
        Case("case", lambda: ["Straße"], run=_code_points),
        Case("looks dropped", lambda: ["\ufb01x \uff21² ½"], run=_code_points),
        Case("single spaces", lambda: ["  one\u00a0 two\t\n    three "], run=_code_points),
        Case("punctuation kept", lambda: ["Well-known, isn't it?"], run=_code_points),
        Case("accents kept unasked", lambda: ["Ångström"], run=_by_default),
        Case("accents stripped", lambda: ["Café", True], run=_code_points),
        Case("accents stripped", lambda: ["Việt Nam, Dvor\u030ca\u0301k", True], run=_code_points),
        Case("other scripts", lambda: ["Ἀθῆναι Москва 東京", True], run=_code_points),
        Case(
            "composed letters without accents",
            lambda: ["한국 \u1112\u1161", True],
            run=_code_points,
        ),
        Case("the Turkish İ", lambda: ["İstanbul"], run=_code_points),
        Case("once is enough", lambda: ["ΐ ǰ İ", False], run=_twice),
        Case("an empty text", lambda: ["", False], run=_code_points),
    ),
    mistakes=(
        Mistake(
            normalize_only_canonically,
            "NFC joins letters and accents, and leaves ﬁ, ² and Ａ as they are: the form that drops mere looks is "
            "NFKC.",
            SPELLING,
        ),
        Mistake(
            normalize_and_leave_it_apart,
            "NFKD takes letters and accents apart and leaves them so; the last step must join them again: NFKC.",
            SPELLING,
        ),
        Mistake(
            normalize_with_lower,
            "lower() makes small letters, but ß stays apart from ss: for comparing texts use casefold().",
            SPELLING,
        ),
        Mistake(
            normalize_without_folding,
            "capitals stay capitals, so The and the are two words: call casefold().",
            SPELLING,
        ),
        Mistake(
            normalize_stripping_what_is_together,
            "after NFKC é is one code point, which does not combine with anything, so nothing is stripped: take it "
            "apart with NFD first.",
            SPELLING,
        ),
        Mistake(
            normalize_always_without_accents,
            "accents go even where nobody asked for it: strip them only if strip_accents is True.",
            SPELLING,
        ),
        Mistake(
            normalize_never_without_accents,
            "strip_accents=True changes nothing: take letters apart with NFD and leave out what combines.",
            SPELLING,
        ),
        Mistake(
            normalize_with_the_switch_turned,
            "strip_accents is used the wrong way round: True means that the accents go.",
            SPELLING,
        ),
        Mistake(
            normalize_to_ascii,
            "encoding to ASCII also throws away every letter of Greek, Russian or Japanese: leave out only what "
            "unicodedata.combining names.",
            SPELLING,
        ),
        Mistake(
            normalize_and_drop_accented_letters,
            "the whole letter goes with its accent, so café becomes caf: take é apart with NFD, then leave out the "
            "accent alone.",
            SPELLING,
        ),
        Mistake(
            normalize_with_ends_trimmed_only,
            'strip() tidies both ends only; a tab or three spaces inside stay: " ".join(text.split()).',
            SPELLING,
        ),
        Mistake(
            normalize_without_spaces,
            "all spaces are gone, so that words run together: put one space between the parts of text.split().",
            SPELLING,
        ),
        Mistake(
            normalize_by_replacing_double_spaces,
            "replacing two spaces by one turns four into two, and leaves tabs and line ends: split and join.",
            SPELLING,
        ),
        Mistake(
            normalize_without_touching_spaces,
            'spaces, tabs and line ends stay as they came: make each run of them one space, " ".join(text.split()).',
            SPELLING,
        ),
        Mistake(
            normalize_left_apart_after_stripping,
            "after casefold and NFD parts of letters may stand apart, as Korean syllables do: apply NFKC once more.",
            SPELLING,
        ),
        Mistake(
            normalize_without_punctuation,
            "commas, hyphens and apostrophes are gone: normalizing keeps them, cutting into words comes later.",
            SPELLING,
        ),
    ),
    hints=(
        "Which of the four forms joins accents to letters and also turns ﬁ into fi? And what must happen to é before "
        "its accent can be left out?",
        "NFKC, casefold; if asked, NFD and keep the characters whose unicodedata.combining is 0; NFKC again, since "
        "both steps can leave letters in parts; last the spaces.",
        'text = unicodedata.normalize("NFKC", text).casefold(); … "".join(c for c in unicodedata.normalize("NFD", '
        'text) if not unicodedata.combining(c)); … " ".join(text.split())',
    ),
    alternatives=(_normalize_mark_by_mark,),
)


# --- tf_idf ----------------------------------------------------------------------------------------------------------


def _idf(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return torch.log((1 + len(counts)) / (1 + df)) + 1


def _rows_to_length_one(x):
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-30)


def tf_idf_not_scaled(counts):
    return counts * _idf(counts)


def tf_idf_with_columns_scaled(counts):
    weighted = counts * _idf(counts)
    return weighted / weighted.norm(dim=0, keepdim=True).clamp(min=1e-30)


def tf_idf_scaled_as_a_whole(counts):
    weighted = counts * _idf(counts)
    return weighted / weighted.norm()


def tf_idf_scaled_to_sum_one(counts):
    weighted = counts * _idf(counts)
    return weighted / weighted.sum(dim=1, keepdim=True).clamp(min=1e-30)


def tf_idf_without_idf(counts):
    return _rows_to_length_one(counts)


def tf_idf_that_counts_occurrences(counts):
    idf = torch.log((1 + len(counts)) / (1 + counts.sum(0))) + 1
    return _rows_to_length_one(counts * idf)


def tf_idf_with_the_plain_logarithm(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return _rows_to_length_one(counts * torch.log(len(counts) / df))


def tf_idf_without_the_last_one(counts):
    return _rows_to_length_one(counts * (_idf(counts) - 1))


def tf_idf_without_smoothing(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return _rows_to_length_one(counts * (torch.log(len(counts) / df) + 1))


def tf_idf_with_one_below_only(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return _rows_to_length_one(counts * (torch.log(len(counts) / (1 + df)) + 1))


def tf_idf_with_the_one_inside(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return _rows_to_length_one(counts * torch.log((1 + len(counts)) / (1 + df) + 1))


def tf_idf_with_the_one_beside_the_fraction(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return _rows_to_length_one(counts * (torch.log(1 + len(counts) / (1 + df)) + 1))


def tf_idf_in_bits(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return _rows_to_length_one(counts * (torch.log2((1 + len(counts)) / (1 + df)) + 1))


def tf_idf_with_the_number_of_words(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    idf = torch.log((1 + counts.shape[1]) / (1 + df)) + 1
    return _rows_to_length_one(counts * idf)


def tf_idf_of_presence(counts):
    return _rows_to_length_one((counts > 0).to(counts.dtype) * _idf(counts))


def tf_idf_of_logarithms(counts):
    return _rows_to_length_one(torch.log(1 + counts) * _idf(counts))


def tf_idf_with_the_fraction_turned(counts):
    df = (counts > 0).sum(0).to(counts.dtype)
    return _rows_to_length_one(counts * (torch.log((1 + df) / (1 + len(counts))) + 1))


def tf_idf_with_nan_for_empty(counts):
    weighted = counts * _idf(counts)
    return weighted / weighted.norm(dim=1, keepdim=True)


def tf_idf_over_documents(counts):
    df = (counts > 0).sum(1, keepdim=True).to(counts.dtype)
    idf = torch.log((1 + len(counts)) / (1 + df)) + 1
    return _rows_to_length_one(counts * idf)


def _tf_idf_row_by_row(counts):
    documents, vocabulary = counts.shape
    weights = []
    for column in range(vocabulary):
        holding = int((counts[:, column] != 0).sum())
        weights.append(
            1 + torch.log(torch.tensor((documents + 1) / (holding + 1), dtype=counts.dtype))
        )
    weights = torch.stack(weights)
    return torch.stack(
        [F.normalize(row / max(row.sum().item(), 1.0) * weights, dim=0) for row in counts]
    )


def _tf_idf_of_whole_numbers(counts):
    n, df = counts.shape[0], (counts > 0).sum(dim=0)
    weighted = counts * (torch.log((1 + n) / (1 + df)) + 1)  # the logarithm is float32
    return weighted / weighted.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _random_counts(documents, words, dtype=torch.float32):
    return torch.poisson(torch.rand(documents, words) * 2).to(dtype)


TF_IDF = Exercise(
    name="text.tf_idf",
    week=4,
    notebook=NOTEBOOK,
    reference=tfidf.tf_idf,
    cases=(
        Case("values", lambda: [torch.tensor([[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]])]),
        Case("values", lambda: [torch.tensor([[3.0, 1.0], [0.0, 2.0], [0.0, 1.0], [1.0, 4.0]])]),
        Case("many documents", lambda: [_random_counts(30, 12)]),
        Case("more words than documents", lambda: [_random_counts(4, 50)]),
        Case("a word in no document", lambda: [torch.tensor([[1.0, 0.0, 2.0], [1.0, 0.0, 0.0]])]),
        Case("an empty document", lambda: [torch.tensor([[1.0, 2.0], [0.0, 0.0], [3.0, 0.0]])]),
        Case("long documents", lambda: [_random_counts(6, 9) * 1000]),
        Case(
            "float64 kept",  # the weights may be float32: log((1 + n) / (1 + df)) of whole numbers is
            lambda: [_random_counts(5, 7, torch.float64)],
        ),
    ),
    mistakes=(
        Mistake(
            tf_idf_not_scaled,
            "the rows are not scaled to length 1, so a long document weighs more than a short one on the same matter: "
            "divide each row by its norm.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_columns_scaled,
            "the columns are scaled to length 1, and the rows are the documents: norm(dim=1, keepdim=True).",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_scaled_as_a_whole,
            "one norm of the whole table is used for all: each row is divided by its own, dim=1.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_scaled_to_sum_one,
            "each row is divided by its sum; its length is the root of the sum of squares, norm(dim=1).",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_without_idf,
            "the counts are not weighted: multiply each column by its idf before the rows are scaled.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_that_counts_occurrences,
            "df counts how often a word occurs in all; it must count the documents that hold it: "
            "(counts > 0).sum(dim=0).",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_the_plain_logarithm,
            "that is ln(n / df), which is infinite for a word that is nowhere and 0 for one that is everywhere: here "
            "it is ln((1 + n) / (1 + df)) + 1.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_without_the_last_one,
            "the 1 after the logarithm is missing, so a word that is in every document counts for nothing.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_without_smoothing,
            "the ones in the fraction are missing: without them a word that is in no document divides by zero.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_one_below_only,
            "a 1 is added below the fraction only; above it stands 1 + n.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_the_one_inside,
            "the last 1 is inside the logarithm; it comes after it: ln(…) + 1.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_the_one_beside_the_fraction,
            "the 1 stands beside the fraction: 1 + n / (1 + df) divides first. Put brackets around the numerator, "
            "(1 + n) / (1 + df).",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_in_bits,
            "the logarithm is to base 2; because of the 1 that is added, the base matters: use torch.log.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_the_number_of_words,
            "n is taken from shape[1], the number of words; it is the number of documents, len(counts).",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_of_presence,
            "it only looks whether a word is there; how often it is there counts too.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_of_logarithms,
            "the counts are dampened by a logarithm, which is a variant; here they count as they are.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_the_fraction_turned,
            "the fraction is upside down, so that common words weigh most: (1 + n) stands above, (1 + df) below.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_with_nan_for_empty,
            "a document without words has the length 0, and 0 / 0 is nan: clamp the length at a tiny number first.",
            WEIGHTS,
        ),
        Mistake(
            tf_idf_over_documents,
            "it counts the words of each document (dim=1); df counts for each word its documents, dim=0.",
            WEIGHTS,
        ),
    ),
    hints=(
        "For one word: how many documents hold it? That is a sum over which axis, and of what?",
        "idf has one entry for each word, (v,); counts * idf weighs every row by it. Then divide each row by its norm, "
        "with keepdim=True so that the shapes fit, and keep 0 / 0 away by clamping.",
        "idf = torch.log((1 + len(counts)) / (1 + (counts > 0).sum(dim=0))) + 1; weighted = counts * idf; "
        "return weighted / weighted.norm(dim=1, keepdim=True).clamp(min=1e-12)",
    ),
    alternatives=(_tf_idf_of_whole_numbers, _tf_idf_row_by_row),
)

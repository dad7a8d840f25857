"""Limits of log templates."""

from tracepulse.derive.limits.limit import Limits

__all__ = [
    "LIMITS",
    "TEMPLATE_COMMON_WORDS_RATIO",
    "TEMPLATE_FEW_WORDS_FACTOR",
    "TEMPLATE_FEW_WORDS_RATIO",
    "TEMPLATE_FIRST_WORDS",
    "TEMPLATE_GAP_NAMES",
    "TEMPLATE_GAP_WORDS",
    "TEMPLATE_NAMED_VALUES",
    "TEMPLATE_NAMES",
    "TEMPLATE_WORDS",
    "TEMPLATE_WORDS_AROUND",
    "TEMPLATE_WORDS_BEFORE",
]

LIMITS = Limits()

TEMPLATE_WORDS = LIMITS.limit(
    "template_words",
    8,
    "words",
    """So many different plain words at one place of otherwise equal lines are
    values. Fewer may be what was done: started, stopped, failed.""",
)
TEMPLATE_NAMES = LIMITS.limit(
    "template_names",
    4,
    "names",
    """Likewise where half of them look like names (compounds, dots, capitals within):
    nobody writes four templates that differ in one identifier.""",
)
TEMPLATE_NAMED_VALUES = LIMITS.limit(
    "template_named_values",
    2,
    "values",
    """Behind an equals sign two different words are values.""",
)
TEMPLATE_FIRST_WORDS = LIMITS.limit(
    "template_first_words",
    16,
    "words",
    """The first word of a line is seldom a value: verbs and components stand there.""",
)
TEMPLATE_COMMON_WORDS_RATIO = LIMITS.limit(
    "template_common_words_ratio",
    0.6,
    "ratio",
    """Lines are compared once this part of their words is common to all; below it
    they may be of different templates of the same length.""",
)
TEMPLATE_FEW_WORDS_RATIO = LIMITS.limit(
    "template_few_words_ratio",
    0.3,
    "ratio",
    """Down to this part, lines of few words are compared if they differ in many ways.""",
)
TEMPLATE_FEW_WORDS_FACTOR = LIMITS.limit(
    "template_few_words_factor",
    4,
    "times",
    """So many times more different words are needed then.""",
)
TEMPLATE_GAP_WORDS = LIMITS.limit(
    "template_gap_words",
    8,
    "stretches",
    """So many different stretches of words, of more than one length, between the
    same words are values: searches, reasons, lists.""",
)
TEMPLATE_GAP_NAMES = LIMITS.limit(
    "template_gap_names",
    4,
    "stretches",
    """Likewise where half of them look like names.""",
)
TEMPLATE_WORDS_AROUND = LIMITS.limit(
    "template_words_around",
    3,
    "words",
    """So many plain words must stand around a stretch, on both sides of it.""",
)
TEMPLATE_WORDS_BEFORE = LIMITS.limit(
    "template_words_before",
    3,
    "words",
    """Or so many before one that ends the line; fewer may be the head of every line of
    a logger.""",
)

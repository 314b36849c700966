"""`keras.preprocessing.text`: words to numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(text: str, filters: str = _FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text, without punctuation.

    Example:
        >>> text_to_word_sequence("The cat, the dog.")
        ['the', 'cat', 'the', 'dog']
    """
    text = text.lower() if lower else text
    for character in filters:
        text = text.replace(character, split)
    return [word for word in text.split(split) if word]


class Tokenizer:
    """Numbers the words of texts, the most frequent one first, from 1 on.

    Args:
        num_words: only words with smaller numbers are kept in sequences and matrices.
        filters: characters that are dropped. lower: whether case is ignored. split: what separates words.
        char_level: whether characters take the place of words.
        oov_token: stands, as number 1, for words that are not known.

    Example:
        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["a cat a dog"])
        >>> tokenizer.texts_to_sequences(["dog a"])
        [[3, 1]]
    """

    def __init__(self, num_words: int | None = None, filters: str = _FILTERS, lower: bool = True, split: str = " ",
                 char_level: bool = False, oov_token: str | None = None, **ignored):
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token = char_level, oov_token
        self.word_counts: Counter[str] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.document_count = 0

    def _words(self, text) -> list[str]:
        if not isinstance(text, str):
            return list(text)
        if self.char_level:
            return list(text.lower() if self.lower else text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable) -> None:
        """Counts the words of texts, and numbers all words seen so far anew."""
        for text in texts:
            self.document_count += 1
            self.word_counts.update(self._words(text))
        words = [word for word, _ in self.word_counts.most_common()]
        words = ([self.oov_token] if self.oov_token is not None else []) + words
        self.word_index = {word: number for number, word in enumerate(words, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}

    def texts_to_sequences(self, texts: Iterable) -> list[list[int]]:
        """Each text as the list of its words' numbers; unknown words are left out, or become `oov_token`."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)

        def number(word: str) -> int | None:
            found = self.word_index.get(word)
            return found if found is not None and (not self.num_words or found < self.num_words) else unknown

        return [[found for found in map(number, self._words(text)) if found is not None] for text in texts]

    def sequences_to_texts(self, sequences: Iterable) -> list[str]:
        """The words of numbers, joined by blanks."""
        return [" ".join(self.index_word[number] for number in numbers if number in self.index_word)
                for numbers in sequences]

    def texts_to_matrix(self, texts: Iterable, mode: str = "binary") -> np.ndarray:
        """One row a text, one column a word: whether it occurs ("binary"), how often ("count"), its share ("freq")."""
        sequences = self.texts_to_sequences(texts)
        matrix = np.zeros((len(sequences), self.num_words or len(self.word_index) + 1), np.float32)
        for row, numbers in enumerate(sequences):
            for number, count in Counter(numbers).items():
                matrix[row, number] = {"binary": 1.0, "count": count, "freq": count / len(numbers)}[mode]
        return matrix


__all__ = ["Tokenizer", "text_to_word_sequence"]

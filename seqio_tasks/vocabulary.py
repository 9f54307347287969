"""The `seqio.Vocabulary` face of a TensorFlow-free tokenizer."""

from collections.abc import Sequence

import numpy as np
import seqio
import tensorflow as tf

from jaxmlda.rows.vocabulary import Vocabulary


class TextVocabulary(seqio.Vocabulary):
    """Wraps a vocabulary of jaxmlda; ids, specials and texts are the same."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(extra_ids=0)
        self.inner = vocabulary

    @property
    def pad_id(self) -> int:
        return self.inner.pad_id

    @property
    def bos_id(self) -> int | None:
        return self.inner.bos_id

    @property
    def eos_id(self) -> int | None:
        return self.inner.eos_id

    @property
    def unk_id(self) -> int | None:
        return None

    @property
    def _base_vocab_size(self) -> int:
        return self.inner.size

    def _encode(self, s: str) -> Sequence[int]:
        return self.inner.encode(s)

    def _decode(self, ids: Sequence[int]) -> str:
        return self.inner.decode(ids)

    def _encode_tf(self, s: tf.Tensor) -> tf.Tensor:
        def encode(text: bytes | np.ndarray) -> np.ndarray:
            # Outside a graph TensorFlow hands an empty text over as an array.
            plain = text if isinstance(text, bytes) else text.item()
            return np.array(self.inner.encode(plain.decode()), np.int32)

        ids = tf.numpy_function(encode, [s], tf.int32, stateful=False)
        ids.set_shape([None])
        return ids

    def _decode_tf(self, ids: tf.Tensor) -> tf.Tensor:
        def decode(numbers: np.ndarray) -> bytes:
            return self.inner.decode(numbers.tolist()).encode()

        text = tf.numpy_function(decode, [ids], tf.string, stateful=False)
        text.set_shape([])
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextVocabulary) and other.inner.digest == self.inner.digest

    def __hash__(self) -> int:
        return hash(self.inner.digest)

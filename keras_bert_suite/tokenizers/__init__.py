"""Text to token ids and back, with character offsets: one interface over the `tokenizers` library."""

from keras_bert_suite.tokenizers.tokenizer import Encoding, Tokenizer

__all__ = ["Encoding", "Tokenizer"]

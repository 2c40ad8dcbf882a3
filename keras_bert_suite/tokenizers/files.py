"""The files of a tokenizer, in a folder or in memory, and which kind of tokenizer they make."""

import json
from dataclasses import dataclass
from pathlib import Path

from keras_bert_suite.errors import InputError

_MODELS = ("spiece.model", "sentencepiece.bpe.model", "spm.model", "30k-clean.model")


@dataclass(frozen=True)
class Files:
    """Files by name, read as they are asked for.

    Attributes:
        where: what messages call them.
        names: the names.
        read: a function from a name to its bytes.
    """

    where: str
    names: frozenset
    read: object

    @classmethod
    def of_folder(cls, folder, where):
        """Those of a folder."""
        folder = Path(folder)
        names = frozenset(path.name for path in folder.iterdir() if path.is_file())
        return cls(str(where), names, lambda name: (folder / name).read_bytes())

    @classmethod
    def of_texts(cls, texts):
        """Those of a dict from names to texts."""
        return cls("memory", frozenset(texts), lambda name: texts[name].encode("utf-8"))

    def text(self, name):
        """A file as a text.

        Raises:
            InputError: it is not UTF-8.
        """
        try:
            return self.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.where}/{name} is no UTF-8 text (byte {error.start}); expected the tokenizer's file."
            ) from None

    def json(self, name):
        """The object in a JSON file; an empty one where the file is absent.

        Raises:
            InputError: it is no JSON object.
        """
        if name not in self.names:
            return {}
        try:
            value = json.loads(self.text(name))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.where}/{name} is no JSON: {error}.") from None
        if not isinstance(value, dict):
            raise InputError(f"{self.where}/{name} holds a JSON {type(value).__name__}; expected an object.")
        return value

    @property
    def config(self):
        """What `tokenizer_config.json` says, with the special pieces of `special_tokens_map.json` beside them."""
        config = {**self.json("special_tokens_map.json"), **self.json("tokenizer_config.json")}
        return {name: _piece(value) if name.endswith("_token") else value for name, value in config.items()}

    @property
    def family(self):
        """The family that `tokenizer_config.json` or `config.json` names, as `xlm-roberta`; None where neither does.

        A class says more than a model's type: a BERT may have the tokenizer of an ALBERT.
        """
        name = self.json("tokenizer_config.json").get("tokenizer_class") or ""
        name = name.removesuffix("Fast").removesuffix("Tokenizer")
        return _FAMILIES.get(name) or self.json("config.json").get("model_type")

    @property
    def model(self):
        """The name of the SentencePiece model; None where there is none.

        Raises:
            InputError: there are several, and none has a usual name.
        """
        models = sorted(name for name in self.names if name.endswith(".model"))
        usual = [name for name in _MODELS if name in self.names]
        if not usual and len(models) > 1:
            raise InputError(f"{self.where} holds {len(models)} models, {', '.join(models)}; expected one of them.")
        return (usual or models or [None])[0]


# What transformers calls the classes, by the model types of the families whose conventions they have.
_FAMILIES = {
    "Albert": "albert",
    "Bert": "bert",
    "Camembert": "camembert",
    "Deberta": "deberta",
    "DebertaV2": "deberta-v2",
    "DistilBert": "bert",
    "Electra": "bert",
    "FNet": "fnet",
    "Funnel": "funnel",
    "GPT2": "gpt2",
    "MPNet": "mpnet",
    "Roberta": "roberta",
    "XLM": "xlm",
    "XLMRoberta": "xlm-roberta",
    "XLNet": "xlnet",
}


def _piece(value):
    return value.get("content") if isinstance(value, dict) else value

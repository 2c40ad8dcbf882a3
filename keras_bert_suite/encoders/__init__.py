"""The encoders, one file a family; `FAMILIES` is the only list of them."""

from keras_bert_suite.encoders.albert import Albert
from keras_bert_suite.encoders.bert import Bert
from keras_bert_suite.encoders.convbert import ConvBert
from keras_bert_suite.encoders.data2vec_text import Data2VecText
from keras_bert_suite.encoders.deberta import Deberta
from keras_bert_suite.encoders.deberta_v1 import DebertaV1
from keras_bert_suite.encoders.distilbert import DistilBert
from keras_bert_suite.encoders.electra import Electra
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.encoders.eurobert import EuroBert
from keras_bert_suite.encoders.fnet import FNet
from keras_bert_suite.encoders.funnel import Funnel
from keras_bert_suite.encoders.megatron_bert import MegatronBert
from keras_bert_suite.encoders.mobilebert import MobileBert
from keras_bert_suite.encoders.modernbert import ModernBert
from keras_bert_suite.encoders.mpnet import MPNet
from keras_bert_suite.encoders.nomic_bert import NomicBert
from keras_bert_suite.encoders.roberta import Roberta
from keras_bert_suite.encoders.roberta_prelayernorm import RobertaPreLayerNorm
from keras_bert_suite.encoders.roformer import RoFormer
from keras_bert_suite.encoders.squeezebert import SqueezeBert
from keras_bert_suite.encoders.xlm import Xlm
from keras_bert_suite.encoders.xlm_roberta_xl import XlmRobertaXL
from keras_bert_suite.encoders.xlnet import XLNet

FAMILIES = {
    family.__name__: family
    for family in (
        Albert,
        Bert,
        Deberta,
        DebertaV1,
        ConvBert,
        DistilBert,
        Electra,
        EuroBert,
        FNet,
        Funnel,
        MobileBert,
        ModernBert,
        MPNet,
        NomicBert,
        RoFormer,
        SqueezeBert,
        XLNet,
        Xlm,
        XlmRobertaXL,
        RobertaPreLayerNorm,
        MegatronBert,
        Data2VecText,
        Roberta,
    )
}


def presets():
    """Every published checkpoint that is known by name.

    Returns:
        A dict, name to a dict: `family`, `source` (where the weights are), `arguments` of the family.
    """
    return {
        name: {"family": family.__name__, **preset}
        for family in FAMILIES.values()
        for name, preset in family.presets.items()
    }


__all__ = ["FAMILIES", "Encoder", "presets", *FAMILIES]

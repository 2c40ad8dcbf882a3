"""Exact match and F1 of answers to questions, as SQuAD's official script (evaluate-v2.0) computes them.

Rajpurkar et al. 2018, https://arxiv.org/abs/1806.03822
"""

import collections
import re
import string

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def squad(gold, predicted):
    """Figures in per cent.

    Args:
        gold: a dict from a question's id to its answers, a list of strings; empty where it has none.
        predicted: a dict from id to the answer, `""` for none.

    Returns:
        `f1`, `exact`; where there are both kinds of questions `HasAns_f1`, `HasAns_exact`, `NoAns_exact`.
    """
    scores = {name: _scores(answers, predicted[name]) for name, answers in gold.items()}
    figures = _mean(scores, scores)
    answered = [name for name, answers in gold.items() if _with_words(answers)]
    if 0 < len(answered) < len(gold):
        figures |= {f"HasAns_{name}": value for name, value in _mean(scores, answered).items()}
        figures["NoAns_exact"] = _mean(scores, gold.keys() - set(answered))["exact"]
    return figures


def _scores(answers, predicted):
    answers = _with_words(answers) or [""]
    return max(_f1(answer, predicted) for answer in answers), max(
        float(_normal(answer) == _normal(predicted)) for answer in answers
    )


def _with_words(answers):
    return [answer for answer in answers if _normal(answer)]


def _normal(text):
    text = "".join(character for character in text.lower() if character not in set(string.punctuation))
    return " ".join(_ARTICLES.sub(" ", text).split())


def _f1(gold, predicted):
    gold, predicted = _normal(gold).split(), _normal(predicted).split()
    if not gold or not predicted:
        return float(gold == predicted)
    common = sum((collections.Counter(gold) & collections.Counter(predicted)).values())
    return 2 * common / (len(gold) + len(predicted))


def _mean(scores, names):
    count = len(list(names))
    return {name: 100.0 * sum(scores[key][i] for key in names) / count for i, name in enumerate(("f1", "exact"))}


def best_threshold(gold, spans, null_scores):
    """The null threshold that gives the highest F1, and the F1 there.

    Args:
        gold: as for `squad`.
        spans: a dict from id to the best span, whether or not it was the answer.
        null_scores: a dict from id to the score of no answer less that of the span.

    Returns:
        `{"best_f1", "best_threshold"}`: questions whose null score is above the threshold have no answer.
    """
    now = best = sum(not _with_words(answers) for answers in gold.values())
    threshold = min(null_scores.values()) - 1.0
    for name in sorted(null_scores, key=null_scores.get):
        answered = _with_words(gold[name])
        now += _scores(gold[name], spans[name])[0] if answered else -float(bool(_normal(spans[name])))
        if now > best:
            best, threshold = now, null_scores[name]
    return {"best_f1": 100.0 * best / len(gold), "best_threshold": float(threshold)}

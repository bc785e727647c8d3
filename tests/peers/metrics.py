"""Compares our metrics with CLIP_benchmark's own evaluation loops, on generated features with ties and without.

    cargo build --workspace --example evaluator_peer
    python tests/peers/metrics.py target/debug/examples/evaluator_peer

The loops get a model that hands out prepared features, so everything but the encoders is theirs: templates, means,
logits, ranks, recalls. What they score is listened to, so that each query (an image to classify, an image or a caption to
retrieve) is compared on its own, and then every metric as a whole.

A query is *decided* at a rank where no order among equals, and no rounding, can change whether it is a hit: there ours
must be theirs. The others are of three sorts, each counted and printed:

- *twins*: what is equally similar is one input, doubled. The reference has an answer at rank 1 only, the first one: by
  `argmax`, and by `topk` of 1 where it looks at 64 and more. Ours must be that.
- *twins without an answer*: the same at ranks 5 and 10, or where the reference's product gives equal columns another last
  bit. What `topk` does there follows from no rule. Ours must be the first index.
- *others*: equally similar ones of different inputs, or too near for float32. The reference's answer is arbitrary. Ours must
  be what our rule makes of float64's similarities, in which equal ones of other inputs stand before.

Exit code 0 when all agree.
"""

import argparse
import collections
import contextlib
import dataclasses
import io
import json
import pathlib
import subprocess
import tempfile
import types
import warnings
from importlib.metadata import version

import numpy
import torch
from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval
from safetensors.torch import save_file
from sklearn.metrics import balanced_accuracy_score

import cases

# Two ways of rounding a product of unit features in float32 differ by less, three times over.
ROUNDING = 2.0**-20
TOLERANCE = 1e-7
RANKS = {"classification": (1, 5), "image_retrieval": (1, 5, 10), "text_retrieval": (1, 5, 10)}
# Where `topk` of 1 looks at so many values it keeps the first among equals; below, another algorithm does not.
TOPK_FIRST = 64
METRICS = {
    "acc1": ("classification", 1),
    "acc5": ("classification", 5),
    **{f"{way}_recall@{rank}": (way, rank) for way in ("image_retrieval", "text_retrieval") for rank in RANKS[way]},
}
SORTS = ("twins", "twins without an answer", "others")
# No case has fewer images: the reference asks for so many at once as its first batch has.
BATCH = 50


class Prepared:
    """A model whose inputs are features already."""

    def encode_image(self, images):
        return images

    def encode_text(self, tokens):
        return tokens


class Batches(list):
    """What the loops take for a data loader."""

    def __init__(self, images, targets, classes=()):
        super().__init__((images[at : at + BATCH], targets[at : at + BATCH]) for at in range(0, len(images), BATCH))
        self.dataset = types.SimpleNamespace(classes=classes)


@dataclasses.dataclass
class Queries:
    """What a metric asks: the reference's similarities `[Q, G]`, the exact ones, and which of a gallery are right.

    `hits` holds the reference's own answer by rank, `[Q]` each.
    """

    scores: numpy.ndarray
    exact: numpy.ndarray
    right: numpy.ndarray
    inputs: numpy.ndarray
    hits: dict


@contextlib.contextmanager
def listening(module, name):
    """Records what a function of the reference is given and answers, while its own loop calls it."""
    original, heard = getattr(module, name), []

    def listener(*arguments, **named):
        answer = original(*arguments, **named)
        heard.append((arguments, named, answer))
        return answer

    setattr(module, name, listener)
    try:
        yield heard
    finally:
        setattr(module, name, original)


def theirs(case):
    """The reference's metrics, and what it asked on the way."""
    names = [str(at) for at in range(len(case.class_inputs))]
    prompt = lambda line: int(line.split()[0]) * case.templates + int(line.split()[1])
    with listening(zeroshot_classification, "accuracy") as accuracies:
        found = zeroshot_classification.evaluate(
            Prepared(),
            Batches(case.images, case.labels, names),
            lambda lines: case.prompts[[prompt(line) for line in lines]],
            names,
            [f"{{c}} {at}" for at in range(case.templates)],
            "cpu",
            amp=False,
        )
    captions = [[f"{text}" for text in (case.owners == at).nonzero().flatten().tolist()] for at in range(len(case.images))]
    with listening(zeroshot_retrieval, "recall_at_k") as recalls:
        found |= zeroshot_retrieval.evaluate(
            Prepared(),
            Batches(case.images, captions),
            lambda lines: case.texts[[int(line) for line in lines]],
            "cpu",
            amp=False,
            recall_k_list=list(RANKS["image_retrieval"]),
        )
    found["mean_recall@1"] = (found["image_retrieval_recall@1"] + found["text_retrieval_recall@1"]) / 2
    ((logits, labels), _, _), = accuracies
    return found, {"classification": classified(case, logits, labels), **retrieved(case, recalls)}


def shared(rows, inputs):
    """Features as float64, identical inputs with those of their first."""
    first = {}
    return numpy.stack([first.setdefault(int(at), row) for at, row in zip(inputs, rows.double().numpy())])


def products(left, right):
    """Products in float64, one by one: a matrix product may treat equal columns differently."""
    return numpy.stack([(row * right).sum(1) for row in left])


def classified(case, logits, labels):
    prompts = case.prompts.double().reshape(len(case.class_inputs), case.templates, -1).sum(1)
    classes = shared((prompts / prompts.norm(dim=1, keepdim=True)).float(), case.class_inputs)
    ranks = [rank for rank in RANKS["classification"] if rank <= logits.shape[1]]
    single = lambda at, rank: zeroshot_classification.accuracy(logits[at : at + 1], labels[at : at + 1], topk=(rank,))[0]
    hits = {rank: numpy.array([single(at, rank) > 0 for at in range(len(labels))]) for rank in ranks}
    right = labels.numpy()[:, None] == numpy.arange(logits.shape[1])
    exact = products(case.images.double().numpy(), classes)
    return Queries(logits.double().numpy() / 100, exact, right, case.class_inputs.numpy(), hits)


def retrieved(case, recalls):
    """Both directions: the loop asks rank by rank, for images and then for texts, in batches."""
    images, texts = shared(case.images, case.image_inputs), shared(case.texts, case.text_inputs)
    exact = {"image_retrieval": products(texts, images), "text_retrieval": products(images, texts)}
    inputs = {"image_retrieval": case.image_inputs.numpy(), "text_retrieval": case.text_inputs.numpy()}
    calls, found = iter(recalls), {}
    for rank in RANKS["image_retrieval"]:
        for way, queries in exact.items():
            heard = [next(calls) for _ in range(0, len(queries), BATCH)]
            assert all(named == {"k": rank} for _, named, _ in heard)
            scores, right = (torch.cat([given[at] for given, _, _ in heard]).numpy() for at in range(2))
            asked = found.setdefault(way, Queries(scores.astype(float), queries, right, inputs[way], {}))
            asked.hits[rank] = torch.cat([answer > 0 for _, _, answer in heard]).numpy()
    return found


def by_rule(queries, at, rank):
    """Our rule, from exact similarities: before an answer stand better ones, equal ones of other inputs, earlier twins."""
    exact, right = queries.exact[at], queries.right[at].nonzero()[0]
    others = ~queries.right[at]
    best = exact[right].max(initial=-numpy.inf)
    before = []
    for own in right[exact[right] >= best]:
        twin = queries.inputs == queries.inputs[own]
        earlier = (others & twin)[:own].sum()
        before.append((others & ~twin & (exact >= best)).sum() + earlier)
    return min(before, default=rank) < rank


def wanted(queries, rank, rounding, tally):
    """What ours must say of each query at a rank, and the sorts of them."""
    answers, sorts = [], []
    for at, (scores, right) in enumerate(zip(queries.scores, queries.right)):
        best = scores[right].max(initial=-numpy.inf)
        others = ~right
        above, level = (others & (scores > best + rounding)).sum(), (others & (scores >= best - rounding)).sum()
        tied = abs(scores - best) <= rounding
        theirs, rule = bool(queries.hits[rank][at]), bool(by_rule(queries, at, rank))
        if not right.any() or level < rank or above >= rank:
            sort, answer = "decided", theirs
        elif len(set(queries.inputs[tied])) > 1:
            sort, answer = "others", rule
        elif rank == 1 and (scores[tied] == best).all():
            sort, answer = "twins", theirs if len(scores) >= TOPK_FIRST else bool(right[scores.argmax()])
        else:
            sort, answer = "twins without an answer", rule
        sorts.append(sort)
        tally[sort] += 1
        tally[sort, "same"] += theirs == answer
        answers.append(answer)
    return numpy.array(answers), set(sorts)


def differences(case, found, queries, ours, tally):
    """Every query and every metric that is not as it must be."""
    rounding = 0.0 if case.exact else ROUNDING
    hits, sorts = {}, {}
    for way, asked in queries.items():
        if case.exact and case.kind != "below float32" and (asked.scores != asked.exact).any():
            yield f"{way}: the reference's similarities were rounded, the case is not what it says"
        for rank in asked.hits:
            hits[way, rank], sorts[way, rank] = wanted(asked, rank, rounding, tally)
    for name, key in METRICS.items():
        if key in hits:
            whole = sorts[key] == {"decided"}
            tally["whole"] += whole
            yield from of_queries(name, case, hits[key], ours[name])
            yield from of_value(name, ours[name]["value"], found[name] if whole else hits[key].mean())
        elif ours[name] is not None:
            yield f"{name}: ours {ours[name]['value']}, and theirs is not defined"
    recall = found["mean_per_class_recall"]
    if "others" in sorts["classification", 1] or "twins without an answer" in sorts["classification", 1]:
        recall = balanced_accuracy_score(case.labels, numpy.where(hits["classification", 1], case.labels, -1))
    yield from of_value("mean_per_class_recall", ours["mean_per_class_recall"]["value"], recall)
    mean = (hits["image_retrieval", 1].mean() + hits["text_retrieval", 1].mean()) / 2
    yield from of_value("mean_recall@1", ours["mean_recall@1"]["value"], mean)
    yield from miscounted(queries, ours)


def of_value(name, value, expected):
    if not abs(expected - value) <= TOLERANCE:
        yield f"{name}: ours {value}, expected {expected}"


def of_queries(name, case, answers, ours):
    """Queries whose influence is not their hit."""
    influences, answers = numpy.array(ours["influences"]), answers.astype(float)
    if METRICS[name][0] == "image_retrieval":
        # The items are images: how many of an image's captions are found is what the influence of a ratio is made of.
        owners = case.owners.numpy()
        captions, queries = numpy.bincount(owners), len(answers)
        answers = numpy.bincount(owners, answers)
        influences = ours["value"] * captions + (influences - ours["value"]) * queries / len(captions)
    wrong = (~(abs(answers - influences) <= TOLERANCE)).nonzero()[0]
    if len(wrong):
        at = wrong[0]
        yield f"{name}: {len(wrong)} of {len(answers)} items, the first {at}: ours {influences[at]}, expected {answers[at]}"


def miscounted(queries, ours):
    """Ties that ours reports wrongly: equal similarities of different inputs, the best right answer against wrong ones.

    Of several right answers that are equally good, ours states the ties of one: nothing to hold it to.
    """
    for way, asked in queries.items():
        name = next(name for name, key in METRICS.items() if key == (way, 1))
        expected = 0
        for exact, right in zip(asked.exact, asked.right):
            own = (right & (exact == exact[right].max(initial=-numpy.inf))).nonzero()[0]
            if len(own) > 1:
                break
            if len(own):
                expected += int((~right & (exact == exact[own[0]]) & (asked.inputs != asked.inputs[own[0]])).sum())
        else:
            if ours[name]["ties"] != expected:
                yield f"{name}: ours counts {ours[name]['ties']} ties, expected {expected}"


def ours(peer, listed):
    with tempfile.TemporaryDirectory() as name:
        folders = []
        for at, case in enumerate(listed):
            folders.append(pathlib.Path(name) / f"{at}")
            folders[-1].mkdir()
            values = {key: value for key, value in vars(case).items() if isinstance(value, torch.Tensor)}
            values["classes"] = values.pop("prompts")
            values["templates"] = torch.tensor([case.templates])
            values = {key: value.float().contiguous().clone() for key, value in values.items()}
            save_file(values, folders[-1] / "scores.safetensors")
        out = subprocess.run([peer, "scores", *map(str, folders)], check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the built example `evaluator_peer`")
    options = parser.parse_args()
    # torch says once a call that there is no CUDA, scikit-learn that a class was guessed that no image has.
    warnings.simplefilter("ignore")
    listed = list(cases.every())
    tallies, count, failed = collections.defaultdict(collections.Counter), collections.Counter(), 0
    for case, scored in zip(listed, ours(options.peer, listed), strict=True):
        with contextlib.redirect_stderr(io.StringIO()):
            found, queries = theirs(case)
        differing = list(differences(case, found, queries, scored, tallies[case.kind]))
        count[case.kind] += 1
        failed += bool(differing)
        for line in differing:
            shape = f"{len(case.images)} images, {len(case.class_inputs)} classes, {len(case.texts)} captions"
            print(f"  differs: {case.kind}, {shape}: {line}")
    for kind, tally in tallies.items():
        print(f"metrics, {kind}: {count[kind]} cases, {tally['whole']} of their own recalls and accuracies, and of single queries")
        print(f"  {tally['decided']} decided")
        for sort in SORTS:
            if tally[sort]:
                print(f"  {tally[sort]} {sort}; asked alone, theirs is the same in {tally[sort, 'same']}")
    versions = f"clip_benchmark {version('clip_benchmark')}, torch {torch.__version__}, scikit-learn {version('scikit-learn')}"
    print(f"metrics: {len(listed) - failed} of {len(listed)} cases equal ({versions})")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())

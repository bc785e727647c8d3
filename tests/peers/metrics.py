"""Compares our metrics with CLIP_benchmark's own evaluation loops, on random features.

    cargo build --workspace --example evaluator_peer
    python tests/peers/metrics.py target/debug/examples/evaluator_peer

Needs torch, clip-benchmark, scikit-learn and safetensors. The loops get a model that hands out prepared
features, so everything but the encoders is theirs: templates, means, logits, ranks, recalls.
Prints one line a case; exit code 0 when every metric agrees within 1e-7.
"""

import argparse
import contextlib
import io
import json
import pathlib
import subprocess
import tempfile
import types

import torch
import torch.nn.functional as F
from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval
from safetensors.torch import save_file

WIDTH = 16
TEMPLATES = 3


class Prepared:
    """A model whose inputs are features already."""

    def encode_image(self, images):
        return images

    def encode_text(self, tokens):
        return tokens


class Batches(list):
    """What the loops take for a data loader."""

    def __init__(self, images, targets, classes=(), size=50):
        super().__init__((images[at : at + size], targets[at : at + size]) for at in range(0, len(images), size))
        self.dataset = types.SimpleNamespace(classes=classes)


def case(seed, count, classes, captions):
    """Unit features that lean towards what is true, so that scores are neither 0 nor 1."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    prompts = F.normalize(draw(classes * TEMPLATES, WIDTH), dim=-1)
    labels = torch.randint(0, classes, (count,), generator=generator)
    centres = prompts.reshape(classes, TEMPLATES, WIDTH).mean(1)
    images = F.normalize(centres[labels] + 0.25 * draw(count, WIDTH), dim=-1)
    each = torch.randint(1, captions + 1, (count,), generator=generator)
    owners = torch.repeat_interleave(torch.arange(count), each)
    texts = F.normalize(images[owners] + 0.3 * draw(len(owners), WIDTH), dim=-1)
    return dict(images=images, texts=texts, owners=owners, classes=prompts, labels=labels)


def theirs(values):
    images, texts, prompts = values["images"], values["texts"], values["classes"]
    classes = len(prompts) // TEMPLATES
    names = [str(at) for at in range(classes)]
    silent = contextlib.redirect_stderr(io.StringIO())
    with silent:
        scores = zeroshot_classification.evaluate(
            Prepared(),
            Batches(images, values["labels"], names),
            lambda lines: prompts[[int(line.split()[0]) * TEMPLATES + int(line.split()[1]) for line in lines]],
            names,
            [f"{{c}} {at}" for at in range(TEMPLATES)],
            "cpu",
            amp=False,
        )
        captions = [[f"{text}" for text in (values["owners"] == at).nonzero().flatten().tolist()] for at in range(len(images))]
        scores |= zeroshot_retrieval.evaluate(
            Prepared(),
            Batches(images, captions),
            lambda lines: texts[[int(line) for line in lines]],
            "cpu",
            amp=False,
            recall_k_list=[1, 5, 10],
        )
    scores["mean_recall@1"] = (scores["image_retrieval_recall@1"] + scores["text_retrieval_recall@1"]) / 2
    return scores


def ours(peer, values):
    with tempfile.TemporaryDirectory() as folder:
        tensors = {name: tensor.float().contiguous() for name, tensor in values.items()}
        save_file(tensors | {"templates": torch.tensor([float(TEMPLATES)])}, pathlib.Path(folder) / "scores.safetensors")
        return json.loads(subprocess.run([peer, "scores", folder], check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the built example `evaluator_peer`")
    options = parser.parse_args()
    failed = False
    for seed, (count, classes, captions) in enumerate([(500, 40, 1), (400, 7, 5), (333, 5, 3), (300, 4, 2), (64, 60, 4)]):
        values = case(seed, count, classes, captions)
        expected, found = theirs(values), ours(options.peer, values)
        differing = [
            f"{name} ours {found.get(name)}, theirs {value}"
            for name, value in expected.items()
            if not (value != value and found.get(name) is None) and abs((found.get(name) or 0.0) - value) > 1e-7
        ]
        failed |= bool(differing)
        shown = {name: round(found[name], 4) for name in ("acc1", "mean_per_class_recall", "mean_recall@1")}
        print(f"metrics, {count} images, {classes} classes, 1 to {captions} captions: {len(expected)} compared, {len(differing)} differ {shown}")
        for line in differing:
            print(f"  differs: {line}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())

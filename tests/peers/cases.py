"""Generated features, captions and labels, with doubled inputs, ties and near-ties, for `metrics.py`.

Two kinds of numbers. `free` features are drawn from a Gaussian: their similarities are rounded, on both sides and
differently. `exact` ones are signs of 1/4 in sixteen of twenty columns, and in the other four of a class or a caption
small multiples of an offset: so small that the norm is 1 in float32, and none of the reference's operations rounds.
So ties are ties there and near-ties are not, whatever the order in which a product is summed.
"""

import dataclasses

import torch
import torch.nn.functional as F

WIDTH = 20


@dataclasses.dataclass
class Case:
    """What is scored; of `*_inputs`, equal numbers stand for identical inputs.

    Letters: `N` images, `T` captions, `C` classes, `M` templates a class. `images` is `[N, D]`, `texts` `[T, D]`,
    `prompts` `[C * M, D]`; `owners` holds the image of each caption, in order.
    """

    kind: str
    images: torch.Tensor
    image_inputs: torch.Tensor
    texts: torch.Tensor
    text_inputs: torch.Tensor
    owners: torch.Tensor
    prompts: torch.Tensor
    class_inputs: torch.Tensor
    labels: torch.Tensor
    templates: int
    exact: bool


class Maker:
    """Draws the parts of a case."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def whole(self, low, high, *shape):
        return torch.randint(low, high, shape, generator=self.generator)

    def signs(self, rows, offset):
        """Rows of norm 1, the last four columns multiples of the offset."""
        main = (self.whole(0, 2, rows, WIDTH - 4) * 2 - 1) / 4
        return torch.cat([main, self.whole(-6, 7, rows, 4) * offset], 1)

    def near(self, rows):
        """Rows like these with three signs changed, moved so that the offsets weigh in, without offsets of their own."""
        near = rows.clone()
        near[:, WIDTH - 4 :] = 0
        for row in near:
            row[self.whole(0, WIDTH - 4, 3)] *= -1
            row[WIDTH - 4 :] = row[:4]
            row[:4] = 0
        return near

    def doubled(self, rows, share):
        """Puts rows in others' places, and says which are of one input."""
        inputs = torch.arange(len(rows))
        if share:
            moved = torch.rand(len(rows), generator=self.generator) < share
            inputs = torch.where(moved, self.whole(0, len(rows), len(rows)), inputs)
        return rows[inputs], inputs

    def owners(self, images, most):
        return torch.repeat_interleave(torch.arange(images), self.whole(1, most + 1, images))


def free(seed, count, classes, captions, templates=3, doubled=0.0, past=False):
    """Gaussian features that lean towards what is true, so that scores are neither 0 nor 1."""
    make = Maker(seed)
    prompts = F.normalize(make.normal(classes * templates, WIDTH), dim=-1).reshape(classes, -1)
    prompts, class_inputs = make.doubled(prompts, doubled)
    prompts = prompts.reshape(classes * templates, WIDTH)
    # DataComp's CLEVR Distance has a label that is no class.
    labels = make.whole(0, classes + past, count)
    centres = prompts.reshape(classes, templates, WIDTH).mean(1)
    images = F.normalize(centres[labels % classes] + 0.25 * make.normal(count, WIDTH), dim=-1)
    images, image_inputs = make.doubled(images, doubled)
    owners = make.owners(count, captions)
    texts = F.normalize(images[owners] + 0.3 * make.normal(len(owners), WIDTH), dim=-1)
    texts, text_inputs = make.doubled(texts, doubled)
    kind = "free, doubled" if doubled else "free, a label past the last class" if past else "free"
    return Case(kind, images, image_inputs, texts, text_inputs, owners, prompts, class_inputs, labels, templates, False)


def exact(seed, kind, count, classes, captions, offset, doubled=0.0):
    """Features whose similarities no rounding touches."""
    make = Maker(seed)
    prompts, class_inputs = make.doubled(make.signs(classes, offset), doubled)
    labels = make.whole(0, classes, count)
    images, image_inputs = make.doubled(make.near(prompts[labels]), doubled)
    owners = make.owners(count, captions)
    own = torch.zeros(len(owners), WIDTH)
    own[:, : WIDTH - 4] = images[owners, : WIDTH - 4]
    own[:, :4] = images[owners, WIDTH - 4 :]
    for row in own:
        row[make.whole(0, WIDTH - 4, 3)] *= -1
    own[:, WIDTH - 4 :] = make.whole(-6, 7, len(owners), 4) * offset
    texts, text_inputs = make.doubled(own, doubled)
    return Case(kind, images, image_inputs, texts, text_inputs, owners, prompts, class_inputs, labels, 1, True)


def constant(seed, count, classes):
    """A model that gives all inputs one feature."""
    make = Maker(seed)
    one = make.signs(1, 0.0)
    each = torch.arange(count)
    labels = make.whole(0, classes, count)
    rows = one.repeat(count, 1)
    return Case("constant", rows, each, rows, each, each, one.repeat(classes, 1), torch.arange(classes), labels, 1, True)


def every():
    """All cases, the shapes on both sides of 5 and of 64 classes, of one caption and of several."""
    shapes = [(500, 40, 1), (400, 7, 5), (333, 5, 3), (300, 4, 2), (64, 60, 4), (150, 200, 1), (120, 64, 2), (90, 3, 1)]
    tied = [(200, 100, 1), (150, 64, 3), (120, 12, 1), (100, 5, 2), (90, 4, 1), (70, 330, 2)]
    for seed, shape in enumerate(shapes):
        yield free(seed, *shape)
        yield free(100 + seed, *shape, doubled=0.2)
    for seed, shape in enumerate(shapes[:4]):
        yield free(200 + seed, *shape, past=True)
    for seed, shape in enumerate(tied):
        yield exact(300 + seed, "near-ties", *shape, 2.0**-16)
        yield exact(400 + seed, "near-ties, doubled", *shape, 2.0**-16, doubled=0.3)
        yield exact(500 + seed, "ties", *shape, 0.0)
        yield exact(600 + seed, "ties, doubled", *shape, 0.0, doubled=0.3)
        yield exact(700 + seed, "below float32", *shape, 2.0**-34)
    for seed, (count, classes, _) in enumerate(tied):
        yield constant(800 + seed, count, classes)

"""Compares our model with open_clip's: the same weights must give the same features, both ways round.

    cargo build --workspace --example evaluator_peer
    python tests/peers/model.py target/debug/examples/evaluator_peer frozen/protocols/models/ViT-B-32.json

Needs torch, open_clip_torch and safetensors. Prints the largest difference relative to the largest feature,
for random weights that open_clip wrote and for initial weights that we wrote, and with `--trained` for those of
a file that a training published. Exit code 0 within 1e-5.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import open_clip
import torch
from safetensors.torch import load_file, save_file

LIMIT = 1e-5


def build(config):
    """open_clip's model of a configuration, with its own random weights."""
    return open_clip.model.CLIP(
        config["embed_dim"],
        config["vision_cfg"],
        config["text_cfg"],
        quick_gelu=config.get("quick_gelu", False),
    ).eval()


def inputs(config, rows):
    """Noise for images; captions of every length, the shortest empty and the longest cut."""
    size, context = config["vision_cfg"]["image_size"], config["text_cfg"]["context_length"]
    images = torch.randn(rows, 3, size, size)
    tokens = torch.zeros(rows, context, dtype=torch.int64)
    for row in range(rows):
        length = round((context - 2) * row / (rows - 1))
        tokens[row, 0] = 49406
        tokens[row, 1 : 1 + length] = torch.randint(0, 49405, (length,))
        tokens[row, 1 + length] = 49407
    return images, tokens


def difference(found, expected):
    return ((found.double() - expected.double()).abs().max() / expected.double().abs().max()).item()


def compare(model, peer, path, folder, images, tokens):
    """Runs both on the weights that lie in the folder."""
    save_file({"images": images, "tokens": tokens.float()}, folder / "inputs.safetensors")
    subprocess.run([peer, "features", path, folder], check=True)
    ours = load_file(folder / "features.safetensors")
    with torch.no_grad():
        theirs = {"image": model.encode_image(images, normalize=True), "text": model.encode_text(tokens, normalize=True)}
    return {tower: difference(ours[tower], theirs[tower]) for tower in theirs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the built example `evaluator_peer`")
    parser.add_argument("model", help="a model configuration")
    parser.add_argument("--trained", help="a training's published/model.safetensors")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    config = json.loads(pathlib.Path(options.model).read_text())
    images, tokens = inputs(config, options.rows)
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = build(config)
        # Ones and zeros of the normalisations and biases would hide a swap of two of them.
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
        rows = [("weights of open_clip", compare(model, options.peer, options.model, folder, images, tokens))]
        subprocess.run([options.peer, "initial", options.model, folder], check=True)
        loaded = model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
        assert not loaded.missing_keys and not loaded.unexpected_keys
        rows.append(("our initial weights", compare(model, options.peer, options.model, folder, images, tokens)))
        if options.trained:
            shutil.copyfile(options.trained, folder / "model.safetensors")
            loaded = model.load_state_dict(load_file(options.trained), strict=True)
            assert not loaded.missing_keys and not loaded.unexpected_keys
            rows.append(("our trained weights", compare(model, options.peer, options.model, folder, images, tokens)))
    for what, found in rows:
        worst = max(worst, *found.values())
        print(f"{what}: image {found['image']:.2e}, text {found['text']:.2e}, relative")
    name = pathlib.Path(options.model).stem
    print(f"model {name}: largest {worst:.2e}, limit {LIMIT:.0e} (open_clip {open_clip.__version__}, torch {torch.__version__})")
    return int(not worst <= LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())

"""One step of FastCLIP's loss against float64 vectors that an independent reference gave.

They were cross-checked with the released code: `golden/vectors/fastclip_step.json`, which the Rust entry is held to.
"""

import json
import math
import unittest

import torch

from contract import harness
from contract.harness import LossInputs, Moment

from .bench import FASTCLIP, REPOSITORY, built, setup

TOLERANCE = 1e-10
"""Absolute: the largest value is of the order of 10."""

VECTORS = json.loads((REPOSITORY / "golden/vectors/fastclip_step.json").read_text())


def double(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def config(params: dict, temperature_gradient: str) -> dict:
    # At epoch 1 of a decay over one epoch, gamma is what the configuration says.
    return {
        "rho": params["rho"], "u_epsilon": params["eps"], "gamma": params["gamma"], "gamma_decay_epochs": 1,
        "multiply_temperature": params["multiply_tau"], "temperature_gradient": temperature_gradient,
        "temperature_initial": params["tau"], "temperature_min": 0.01,
        "lr_peak": 1e-3, "lr_floor": 0.0, "warmup_steps": 0, "lr_log_scale": 1e-4,
        "beta1": 0.9, "beta2": 0.98, "adam_epsilon": 1e-6, "weight_decay": 0.1,
    }  # fmt: skip


def answer(case: dict, temperature_gradient: str, lanes: int) -> harness.LossAnswer:
    params = case["params"]
    sizes = setup(batch=4, lanes=lanes, samples=4, epochs=10, steps_per_epoch=1)
    entry = built(FASTCLIP, config(params, temperature_gradient), sizes)
    inputs = LossInputs(
        image=double(VECTORS["E1"]),
        text=double(VECTORS["E2"]),
        learnables={"log_scale": double(-math.log(params["tau"]))},
        columns={"u_image": double(params["u1"]), "u_text": double(params["u2"])},
        globals={},
    )
    moment = Moment(sizes, entry.declare().declaration, bytes(32), step=1, epoch=1)
    return harness.whole(entry, moment, lanes, inputs)


class Vectors(unittest.TestCase):
    def near(self, what: str, found: torch.Tensor, expected) -> None:
        self.assertEqual(found.dtype, torch.float64)
        difference = (found.reshape(-1) - double(expected).reshape(-1)).abs().max().item()
        self.assertLess(difference, TOLERANCE, what)

    def test_every_case_in_one_two_and_four_lanes(self):
        self.assertEqual(len(VECTORS["cases"]), 4)
        thetas = [("released", "grad_theta_public_code"), ("objective", "grad_theta_single_count")]
        for case in VECTORS["cases"]:
            for lanes in (1, 2, 4):
                for gradient, theta in thetas:
                    expected, found = case["expected"], answer(case, gradient, lanes)
                    self.near("image", found.image, expected["grad_E1"])
                    self.near("text", found.text, expected["grad_E2"])
                    self.near("u_image", found.rows["u_image"], expected["u1_new"])
                    self.near("u_text", found.rows["u_text"], expected["u2_new"])
                    self.near("log_scale", found.learnables["log_scale"], expected[theta])

    def test_the_diagnostic_is_the_objective(self):
        for case in VECTORS["cases"]:
            params, expected = case["params"], case["expected"]
            tau, rho, eps = params["tau"], params["rho"], params["eps"]
            pairs = zip(expected["u1_new"], expected["u2_new"])
            logs = [(math.log(eps + a) + math.log(eps + b)) / 2 for a, b in pairs]
            objective = [tau * (log + rho) if params["multiply_tau"] else log for log in logs]
            self.near("objective", answer(case, "released", 2).diagnostics["objective"], objective)

    def test_the_variants_differ_in_one_gradient(self):
        case = VECTORS["cases"][1]
        released, objective = answer(case, "released", 1), answer(case, "objective", 1)
        self.assertTrue(released.loss.equal(objective.loss) and released.image.equal(objective.image))
        difference = released.learnables["log_scale"] - objective.learnables["log_scale"]
        self.near("difference", difference, case["expected"]["grad_theta_exp_term_single"])

    def test_an_underflow_stays_finite(self):
        """Anchors whose others are all far away: in f32 both estimates are zero, and nothing is infinite."""
        params = {**VECTORS["cases"][0]["params"], "tau": 0.01}
        sizes = setup(batch=2, lanes=2, width=2, samples=2)
        entry = built(FASTCLIP, config(params, "released"), sizes)
        moment = Moment(sizes, entry.declare().declaration, bytes(32), step=0, epoch=0)
        # Pairs that agree and disagree with the other pair, and the reverse: an overflow.
        image = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
        for sign, is_zero in [(1.0, True), (-1.0, False)]:
            inputs = LossInputs(
                image=image,
                text=image * sign,
                learnables={"log_scale": torch.tensor(math.log(100.0))},
                columns={"u_image": torch.zeros(2), "u_text": torch.zeros(2)},
                globals={},
            )
            found = harness.whole(entry, moment, 2, inputs)
            self.assertEqual(found.rows["u_image"][0].item() == 0.0, is_zero)
            for tensor in (found.loss, found.image, found.text, found.learnables["log_scale"], found.rows["u_text"]):
                self.assertTrue(tensor.isfinite().all(), tensor)

"""Optimizers as people paste them, each from its paper's formulas."""

import torch
from torch.optim import Optimizer


class Lion(Optimizer):
    """arXiv:2302.06675, algorithm 2."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            (beta1, beta2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["exp_avg"] = torch.zeros_like(p)
                p.mul_(1.0 - lr * group["weight_decay"])
                p.sub_(lr * state["exp_avg"].lerp(p.grad, 1.0 - beta1).sign())
                state["exp_avg"] = state["exp_avg"].lerp(p.grad, 1.0 - beta2)


class Lamb(Optimizer):
    """arXiv:1904.00962, algorithm 2, with bias correction."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["step"] += 1
                state["m"].mul_(beta1).add_(p.grad, alpha=1.0 - beta1)
                state["v"].mul_(beta2).addcmul_(p.grad, p.grad, value=1.0 - beta2)
                m, v = state["m"] / (1.0 - beta1 ** state["step"]), state["v"] / (1.0 - beta2 ** state["step"])
                r = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * p
                trust = (p.norm() / r.norm()).nan_to_num(1.0) if p.norm() > 0 else 1.0
                p.sub_(group["lr"] * trust * r)


class Muon(Optimizer):
    """Momentum, orthogonalised by five Newton-Schulz steps: arXiv:2502.16982. Writes its decay into the gradient."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(p.grad)
                x = p.grad.add_(buffer, alpha=group["momentum"])
                x = x / (x.norm() + 1e-7)
                for _ in range(5):
                    a = x @ x.T
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
                p.mul_(1.0 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * 0.2 * max(p.shape) ** 0.5 * x)


class ScheduleFree(Optimizer):
    """Schedule-Free AdamW, arXiv:2405.15682: weights of the average in Python floats of the group."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, warmup_steps=4):
        rest = dict(k=0, weight_sum=0.0, lr_max=-1.0, warmup_steps=warmup_steps)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, **rest))

    @torch.no_grad()
    def eval(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.lerp_(self.state[p]["z"], 1.0 - 1.0 / group["betas"][0])

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            k, (beta1, beta2) = group["k"], group["betas"]
            lr = group["lr"] * min(1.0, (k + 1) / group["warmup_steps"])
            group["lr_max"] = max(lr, group["lr_max"])
            weight = group["lr_max"] ** 2
            group["weight_sum"] += weight
            share = weight / group["weight_sum"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(z=p.clone(), exp_avg_sq=torch.zeros_like(p))
                state["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=1.0 - beta2)
                direction = p.grad / ((state["exp_avg_sq"] / (1.0 - beta2 ** (k + 1))).sqrt() + group["eps"])
                p.lerp_(state["z"], share)
                p.add_(direction, alpha=lr * (beta1 * (1.0 - share) - 1.0))
                state["z"].sub_(direction, alpha=lr)
            group["k"] = k + 1

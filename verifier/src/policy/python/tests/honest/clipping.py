"""Gradients clipped by their global norm, and adaptively a unit (arXiv:2102.06171)."""
import torch
from torch.nn.utils import clip_grad_norm_


def global_norm(gradients):
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))


def clip_by_global_norm(parameters, max_norm=1.0):
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = global_norm(gradients)
    if not torch.isfinite(total):
        raise FloatingPointError("a gradient is not finite")
    scale = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for g in gradients:
        g.mul_(scale)
    return total


def unitwise_norm(x, p=2.0):
    return x.norm(p) if x.ndim <= 1 else x.norm(p, dim=tuple(range(1, x.ndim)), keepdim=True)


def adaptive_clip(parameters, factor=0.01, eps=1e-3):
    for p in filter(lambda p: hasattr(p, "grad") and getattr(p, "grad", None) is not None, parameters):
        bound = unitwise_norm(p.detach()).clamp_(min=eps) * factor
        norm = unitwise_norm(p.grad)
        p.grad.copy_(torch.where(norm < bound, p.grad, p.grad * (bound / norm.clamp(min=1e-6))))


__all__ = ["adaptive_clip", "clip_by_global_norm", "clip_grad_norm_"]

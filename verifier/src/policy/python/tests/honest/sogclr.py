# SogCLR (arXiv:2202.12387): a moving average u of each anchor's inner sum, kept in columns.
import torch
from contract import Algorithm, State


class Entry(Algorithm):
    def declare(self):
        return State().column("u_image").column("u_text")

    def loss(self, batch, memory, progress):
        tau, gamma = self.config["tau"], self.config["gamma"]
        losses = []
        for ours, theirs, column in [(batch.image, batch.text, "u_image"), (batch.text, batch.image, "u_text")]:
            anchors = batch.own(ours)
            sim = anchors @ theirs.t()
            diag = (anchors * batch.own(theirs)).sum(-1, keepdim=True)
            margin = (sim - diag) / tau
            with torch.no_grad():
                b = margin.max(dim=1, keepdim=True).values
                inner = torch.exp(margin - b).mean(1) * torch.exp(b).squeeze(1)
                u = memory.get(column)
                u = torch.where(u == 0, inner, (1 - gamma) * u + gamma * inner)
                memory.set(column, u)
                weight = torch.exp(margin) / u[:, None].clamp_min(1e-14)
            losses.append((weight * margin).mean(dim=1))
        return sum(losses) / 2

"""The published U-Net in torch: prints samples per second as JSON.

``python -m benchmarks.unet_in_torch WAY BATCH SIZE STEPS``. WAY is ``xraylab``, the training core as it is, or a step
towards it from torch as it comes: ``float32``, ``layout`` (channels last). The environment variables of the process,
which `benchmarks.training_speed` sets, decide whether freed memory is kept.
"""

import json
import sys
import time
from contextlib import nullcontext

import numpy as np
import torch

from xraylab.models.networks import NetworkParams, build_network, count_parameters
from xraylab.training.losses import dice_loss
from xraylab.training.machine import choose_precision
from xraylab.training.params import Recipe
from xraylab.training.predict import predict_probabilities
from xraylab.training.task import Task


def main() -> None:
    way = sys.argv[1]
    batch, size, steps = map(int, sys.argv[2:5])
    rng = np.random.default_rng(0)
    films = rng.integers(0, 256, (batch, size, size), dtype=np.uint8)
    masks = torch.from_numpy((films > 127).astype(np.uint8))[:, None]
    half = way == "xraylab" and choose_precision("auto", "cpu") == "bf16-mixed"
    network = build_network(NetworkParams(), 0)
    if way in ("layout", "xraylab"):
        network = network.to(memory_format=torch.channels_last)
    task = Task(network, dice_loss, Recipe(loss="dice", learning_rate=1e-3), 0)
    optimizer = task.configure_optimizers()
    inputs = torch.from_numpy(films)[:, None]

    def forward() -> torch.Tensor:
        if way in ("layout", "xraylab"):
            return task(inputs)
        return network(inputs.float().div_(63.75).sub_(2))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            logits = forward()
        loss = dice_loss(logits.float(), masks.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(2):
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    training = batch * steps / (time.perf_counter() - start)

    def predict() -> None:
        if way == "xraylab":
            predict_probabilities(network, films)
            return
        with torch.inference_mode():
            forward().sigmoid()

    network.eval()
    predict()
    start = time.perf_counter()
    for _ in range(steps):
        predict()
    inference = batch * steps / (time.perf_counter() - start)
    found = {"parameters": count_parameters(network), "training": training, "inference": inference}
    print(
        json.dumps({**found, "version": f"torch {torch.__version__}" + (", bf16" if half else "")})
    )


if __name__ == "__main__":
    main()

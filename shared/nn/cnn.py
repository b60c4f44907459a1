"""A small convolutional network for 32 × 32 pictures. Met in week 2's challenge, which compares optimizers on it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class SmallCNN(nn.Module):
    """Three stages, each: convolutions of 3 × 3, each normalized and bent by relu; then the picture is halved.

    pictures (n, 3, 32, 32) → logits (n, classes). Channels: width, 2 · width, 4 · width; sizes 32, 16, 8, at last 4.

    convolutions: how many in each stage
    init:         makes a weight from its shape; biases start at 0
    """

    def __init__(
        self,
        width: int,
        classes: int = 10,
        convolutions: int = 1,
        init: Callable[[Sequence[int]], Tensor] | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for wider in (width, 2 * width, 4 * width):
            for _ in range(convolutions):
                layers.append(nn.Conv2d(channels, wider, kernel_size=3, padding=1, bias=False))
                layers += [nn.BatchNorm2d(wider), nn.ReLU()]  # mean 0, spread 1 for each channel
                channels = wider
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * 4 * 4, classes)
        if init is not None:
            self._start_from(init)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.features(pictures).flatten(1))

    @torch.no_grad()
    def _start_from(self, init: Callable[[Sequence[int]], Tensor]) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.weight.copy_(init(module.weight.shape))
                if module.bias is not None:
                    module.bias.zero_()

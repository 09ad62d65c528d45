"""whitening.safetensors: airbench's first filters (Jordan 2024), by PyTorch, of made-up pictures whose neighbouring pixels are alike."""

import torch
import torch.nn.functional as F

from network import Network, node
from values import File, single

EPSILON = 5e-4  # airbench's


def pictures(generator, count, shape):
    """Noise that is smeared over neighbours and mixed over channels, of a variance of about 1."""
    height, width, channels = shape
    noise = torch.randn(count, channels, height + 2, width + 2, generator=generator, dtype=torch.float64)
    smeared = F.avg_pool2d(noise, 3, stride=1)
    mixing = torch.eye(channels, dtype=torch.float64) + 0.5
    mixed = torch.einsum("nchw,dc->nhwd", smeared, mixing)
    return (mixed / mixed.std()).float().double()


def directions(images, kernel, dilation):
    """Of the largest eigenvalue first, each an output channel of a kernel in Keras's layout."""
    maps = images.permute(0, 3, 1, 2)
    channels = maps.size(1)
    patches = F.unfold(maps, kernel, dilation=dilation).transpose(1, 2).reshape(-1, channels * kernel[0] * kernel[1])
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    scaled = (vectors / torch.sqrt(values + EPSILON)).flip(1)
    return scaled.reshape(channels, *kernel, -1).permute(1, 2, 0, 3)


CASES = {
    "three channels": ([7, 6, 3], [2, 2], [1, 1], 24),
    "one channel and more filters than pairs": ([8, 9, 1], [3, 3], [1, 1], 23),
    "fewer filters than pairs": ([8, 8, 3], [3, 3], [1, 1], 10),
    "an oblong kernel with gaps": ([9, 9, 2], [2, 3], [2, 1], 12),
}


def make():
    file, generator = File(), torch.Generator().manual_seed(3)
    for name, (shape, kernel, dilation, filters) in CASES.items():
        images = pictures(generator, 40, shape)
        settings = {"kernel": kernel, "dilation": dilation, "use_bias": False, "kernel_initializer": "whitening"}
        layer = node("conv2d", filters=filters, **settings)
        end = [node("flatten", "end"), node("dense", "head", units=3, activation="sigmoid")]
        network = Network("multi_label", [node("input", shape=shape), layer, *end])
        tensors = {"images": images, "directions": directions(images, kernel, dilation)}
        file.case(name, network.description(), single(tensors))
    file.write("whitening")


if __name__ == "__main__":
    make()

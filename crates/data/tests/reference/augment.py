"""Makes augment.json: one small picture, and what Pillow and torchvision make of it.

    python augment.py > augment.json
"""

import json

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

HEIGHT, WIDTH = 16, 14

y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
rng = np.random.default_rng(7)
smooth = np.stack([40 + 7 * x, 200 - 6 * y, 90 + 60 * np.sin(x / 3) * np.cos(y / 4)], axis=-1)
picture = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).round().astype(np.uint8)
pil = Image.fromarray(picture)
tensor = torch.from_numpy(picture).permute(2, 0, 1)
levels = tensor.to(torch.float32) / 255


def flat(image):
    if isinstance(image, torch.Tensor):
        image = image.permute(1, 2, 0).numpy() * 255
    return [round(float(v), 2) for v in np.asarray(image, dtype=np.float64).reshape(-1)]


def moved(angle=0.0, translate=(0, 0), scale=1.0, shear=(0.0, 0.0)):
    # Pixels whose sources lie outside are black in torchvision and the edge's here; the test leaves out what is near it.
    return F.affine(levels, angle, list(translate), scale, list(shear), InterpolationMode.BILINEAR)


made = {
    "brightness": F.adjust_brightness(levels, 1.3),
    "contrast": F.adjust_contrast(levels, 0.6),
    "saturation": F.adjust_saturation(levels, 1.7),
    "grey": F.adjust_saturation(levels, 0.0),
    "posterise": ImageOps.posterize(pil, 3),
    "solarise": ImageOps.solarize(pil, 130),
    "auto_contrast": ImageOps.autocontrast(pil),
    "equalise": ImageOps.equalize(pil),
    "sharpness": F.adjust_sharpness(levels, 0.3),
    "blur": F.gaussian_blur(levels, [7, 7], [1.0, 1.0]),
    "turn": moved(angle=20.0),
    "zoom": moved(scale=1.4),
    "shift": moved(translate=(3, -2)),
    "shear": moved(shear=(15.0, 0.0)),
}
print(
    json.dumps(
        {
            "height": HEIGHT,
            "width": WIDTH,
            "picture": picture.reshape(-1).tolist(),
            "made": {name: flat(image) for name, image in made.items()},
        }
    )
)

"""How far divvy's resizing is from Pillow's, on real photos: python resize.py PHOTOS [COUNT]

Photos are decoded by Pillow and handed over as BMP, so that only the resizing differs. Needs Pillow, NumPy and
`cargo build -p divvy-data --example resize`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parents[3]
photos = sorted(path for path in Path(sys.argv[1]).rglob("*.jpg"))
count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
photos = photos[:: max(1, len(photos) // count)][:count]

with tempfile.TemporaryDirectory() as folder:
    pictures = []
    for number, path in enumerate(photos):
        pictures.append(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
        pictures[-1].save(f"{folder}/{number:06}.bmp")
    for name, method in [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)]:
        for side in [64, 224]:
            out = f"{folder}/out"
            subprocess.run([ROOT / "target/debug/examples/resize", folder, str(side), name, out], check=True)
            ours = np.fromfile(out, np.uint8).reshape(len(pictures), side, side, 3).astype(int)
            theirs = np.stack([np.asarray(picture.resize((side, side), method)) for picture in pictures]).astype(int)
            apart = np.abs(ours - theirs)
            same = (apart == 0).mean()
            print(f"{name:9} {side:4} {len(pictures)} photos: at most {apart.max()}, mean {apart.mean():.4f}, the same {same:.2%}")

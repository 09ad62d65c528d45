"""Makes the inputs that fuzzing begins with: python make.py. What a target does with its bytes stands in `targets/`."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
MEMBERS = {"p/a/1.png": b"\x89PNG\r\n\x1a\n", "p/a/2.png": b"a" * 60, "p/b/1.png": b"", "labels.csv": b"file,label\n"}


def write(target: str, name: str, content: bytes) -> None:
    (HERE / target).mkdir(exist_ok=True)
    (HERE / target / name).write_bytes(content)


def tar(kind: int, name: str = "p/a/3.png") -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=kind) as archive:
        for member, content in [*MEMBERS.items(), (name, b"long")]:
            info = tarfile.TarInfo(member)
            info.size = len(content)
            info.mtime = 0
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("p/b/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "1.png"
        archive.addfile(link)
    return memory.getvalue()


def zipped(method: int) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", method) as archive:
        for member, content in MEMBERS.items():
            archive.writestr(zipfile.ZipInfo(member), content, compress_type=method)
    return memory.getvalue()


def idx(dimensions: list[int], values: bytes) -> bytes:
    return bytes([0, 0, 8, len(dimensions)]) + b"".join(struct.pack(">I", d) for d in dimensions) + values


write("archive", "stored.zip", zipped(zipfile.ZIP_STORED))
write("archive", "deflated.zip", zipped(zipfile.ZIP_DEFLATED))
write("archive", "gnu.tar", tar(tarfile.GNU_FORMAT, "p/a/" + "n" * 120 + ".png"))
write("archive", "pax.tar", tar(tarfile.PAX_FORMAT, "p/a/" + "é" * 120 + ".png"))
write("archive", "packed.tar.gz", gzip.compress(tar(tarfile.USTAR_FORMAT), mtime=0))

for number, text in enumerate([
    "file,labels\n1.jpg,a|b\n2.jpg,\n3.jpg,b\n",
    "1.jpg\tx y\n2.jpg\tz\n",
    "id;image;cat;dog\n0;1.jpg;1;0\n1;2.jpg;0;1\n",
    'path,class,split\n1.jpg,"1.0",train\n2.jpg,0,val\n3.jpg,yes,test\n',
    "file,label\n1.jpg,-1\n2.jpg,1.5e-07\n3.jpg,nan\n",
]):
    write("csv", f"{number}.csv", text.encode())

images, labels = idx([2, 2, 3], bytes(range(12))), idx([2], b"\x01\x02")
write("idx", "plain", bytes([len(images)]) + images + labels)
packed = gzip.compress(images, mtime=0)
packed += b"\0" * (1 - len(packed) % 2)
write("idx", "packed", bytes([len(packed)]) + packed + gzip.compress(labels, mtime=0))

write("cifar", "ten", bytes([4]) + b"\x03\x09" + "\n".join(f"n{i}" for i in range(10)).encode())
write("cifar", "hundred", bytes([5]) + b"\x03\x63" + "\n".join(f"n{i}" for i in range(100)).encode())

SETTINGS = {
    "preset.toml": 'preset = "standard"\nrotate = 20\nerase.probability = 0.3\n[policy]\nname = "rand"\nmagnitude = 7\n',
    "trivial.toml": 'noise = 1\nblur.probability = 1\nblur.sigma = [0, 8]\n[policy]\nname = "trivial"\n',
    "edges.toml": "flip = 1\nflip_vertical = 1\nshift = 1\nzoom = 0.9\nrotate = 180\nshear = 60\nhue = 0.5\ngrey = 1\n"
    "crop.area = [0.01, 1]\ncrop.aspect = [0.1, 10]\nerase.area = [0, 1]\nerase.aspect = [0.1, 10]\nerase.probability = 1\n",
    "mixed.toml": 'preset = "strong"\n[mix]\nprobability = 1\nmixup = 0.2\ncutmix = 10\n',
}
for name, text in SETTINGS.items():
    write("augment", name, text.encode())

CONFIG = """data = "photos"
architecture = "classic"
size = 32
batch = 32
seed = 0
validation_share = 0.2
learning_rate = 1e-3
augment = "light"
balance = "weights"
channels = "grey"
precision = "bf16"
allow = ["T05"]

[length]
minutes = 1.5

[optimizer]
weight_decay = 1e-4
clip_norm = 1.0

[optimizer.rule]
type = "sgd"
momentum = 0.9
nesterov = true

[schedule]
type = "one_cycle"
rise = 0.3
start = 25.0
finish = 10000.0

[warmup]
steps = 10
start = 0.1

[read.limits]
max_pixels = 1000000

[read.table]
label_column = "breed"
"""
write("config", "one_cycle.toml", CONFIG.encode())

# A checkpoint without its checksum, which the target adds (docs/resume.md).
TIME = {"secs": 1, "nanos": 500}
HASH = "0" * 64
STATE = {
    "divvy": "0.1.0",
    "serial": 3,
    "bond": {"config": HASH, "split": HASH, "pictures": HASH, "places": HASH, "isa": "avx2"},
    "events": 1000,
    "taken": TIME,
    "first_step": TIME,
    "counts": {"steps": 6, "remembered": 6},
    "progress": {
        "epochs": 1,
        "running": {"batches": 2, "images": 16, "losses": 1.5, "rate": 1e-3, "time": TIME, "waited": TIME},
        "plateau": {"best": 0.5, "stale": 1, "factor": 0.1},
        "best": {"epoch": 1, "score": {"loss": 0.5, "metric": "accuracy", "value": 0.75}},
        "validation_time": TIME,
    },
    "watch": {
        "network": {"head": "softmax", "classes": 2, "steps_per_epoch": 4, "counts_as_is": True},
        "resting": 1,
        "at_prior": 2,
        "losses": {
            "last": {"epoch": 2, "training": 0.25, "validation": 0.75, "rate": 1e-3},
            "lowest": {"epoch": 1, "training": 0.5, "validation": 0.5, "rate": 1e-3},
            "risen": [0.25],
            "marks": [0.5, 0.5],
            "still": 1,
            "highest_rate": 1e-3,
        },
        "told": ["L11"],
    },
}


def block(value: object) -> bytes:
    text = json.dumps(value).encode()
    return struct.pack("<I", len(text)) + text


def checkpoint(parts: list[object]) -> bytes:
    content = b"divvy checkpoint" + struct.pack("<I", 1) + block(STATE)
    for part in parts:
        content += block({"part": part, "name": "head/kernel", "shape": [3, 2]}) + struct.pack("<6f", *range(6))
        content += block({"part": part, "name": "head/bias", "shape": [2]}) + struct.pack("<2f", 0.5, -0.5)
    return content


write("checkpoint", "adam", checkpoint(["parameters", "average", {"moment": 0}, {"moment": 1}]))
write("checkpoint", "sgd", checkpoint(["parameters"]))

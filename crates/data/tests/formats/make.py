"""Makes the pictures in this folder with Pillow, and for each the pixels that Pillow decodes it to.

    python make.py        # Pillow 13.0 with libjpeg-turbo, libwebp and libtiff; imagecodecs 2026.3.6 for odd_*.jpg

For NAME.EXT the file NAME.EXT.png holds the pixels, upright and without transparency, of which what lies behind is white; PNG
because it is lossless. `pixels.txt` has the CRC-32 of these pixels as plain bytes, which no PNG decoder has touched. Files in 16 bits are brought to 8 by rounding. What begins with `odd_` is refused.
"""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

HERE = Path(__file__).parent
SUMS: list[str] = []
SIZE = (37, 23)  # no multiple of 8 or 16, so that blocks are cut


def photo(width: int, height: int) -> Image.Image:
    """Something smooth with edges and some noise, in all colours."""
    y, x = np.mgrid[0:height, 0:width]
    rng = np.random.default_rng(7)
    red = 255 * x / width
    green = 127 + 120 * np.sin(y / 4)
    blue = np.where((x // 9 + y // 7) % 2 == 0, 220, 40)
    pixels = np.stack([red, green, blue], axis=2) + rng.normal(0, 4, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def alpha() -> Image.Image:
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray((255 * x / (width - 1) * (y > 3)).astype(np.uint8))


RGB = photo(*SIZE)
TALL = photo(45, 83)  # several rows of blocks, the last of them cut
GREY = RGB.convert("L")
RGBA = RGB.copy()
RGBA.putalpha(alpha())
LA = Image.merge("LA", (GREY, alpha()))
PALETTE = RGB.quantize(64)
DEEP = Image.fromarray((np.asarray(GREY, dtype=np.uint16) * 257 + 40).clip(0, 65535).astype(np.uint16))


def flat(image: Image.Image) -> Image.Image:
    """Upright, in 8 bits, on white: by the same integers as Pillow's own alpha compositing would round to."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        deep = np.asarray(image).astype(np.float64)
        return Image.fromarray(np.floor(deep / 257 + 0.5).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA")).astype(np.float64)
        a = rgba[..., 3:] / 255
        return Image.fromarray(np.floor(rgba[..., :3] * a + 255 * (1 - a) + 0.5).astype(np.uint8))
    return image if image.mode == "L" else image.convert("L" if image.mode == "1" else "RGB")


def save(name: str, image: Image.Image, expected: Image.Image | None = None, **options) -> None:
    image.save(HERE / name, **options)
    keep(name, expected)


def keep(name: str, expected: Image.Image | None = None) -> None:
    if expected is None:
        expected = Image.open(HERE / name)
        expected.seek(0)
    pixels = flat(expected)
    pixels.save(HERE / f"{name}.png", optimize=True)
    SUMS.append(f"{name} {pixels.width} {pixels.height} {pixels.mode} {zlib.crc32(pixels.tobytes()):08x}")


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(header: tuple[int, int, int], rows: list[bytes], before: bytes = b"", interlaced: bool = False) -> bytes:
    """A PNG written by hand, of depth, colour type and bytes a pixel: what Pillow does not write."""
    depth, colour, _ = header
    start = struct.pack(">IIBBBBB", *SIZE, depth, colour, 0, 0, int(interlaced))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def adam7(pixels: np.ndarray) -> list[bytes]:
    """The rows of the seven passes of an interlaced PNG."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = []
    for y, x, down, right in passes:
        part = pixels[y::down, x::right]
        rows += [row.tobytes() for row in part if row.size]
    return rows


def jpegs() -> None:
    save("baseline.jpg", RGB, quality=85, subsampling=2)
    save("full_chroma.jpg", RGB, quality=90, subsampling=0)
    save("half_chroma.jpg", RGB, quality=90, subsampling=1)
    save("progressive.jpg", RGB, quality=85, progressive=True)
    save("restart.jpg", RGB, quality=85, restart_marker_blocks=2)
    save("optimised.jpg", RGB, quality=60, optimize=True)
    save("grey.jpg", GREY, quality=85)
    save("grey_progressive.jpg", GREY, quality=85, progressive=True)
    save("rgb_stored.jpg", RGB, quality=85, keep_rgb=True)
    save("tall.jpg", TALL, quality=80, subsampling=2)
    save("tall_half.jpg", TALL, quality=80, subsampling=1)
    save("tall_full.jpg", TALL, quality=80, subsampling=0)
    save("tall_restart.jpg", TALL, quality=80, subsampling=2, restart_marker_blocks=2)
    save("tall_grey.jpg", TALL.convert("L"), quality=80)
    save("tall_rgb.jpg", TALL, quality=80, keep_rgb=True)
    # Pillow writes CMYK as Adobe does, inverted and without a transform.
    save("cmyk.jpg", RGB.convert("CMYK"), quality=90)
    ycck = bytearray((HERE / "cmyk.jpg").read_bytes())
    # With transform 2, the same bytes are YCCK; Pillow has the decoder of libjpeg say what that shows.
    adobe = ycck.find(b"Adobe")
    ycck[adobe + 11] = 2
    (HERE / "ycck.jpg").write_bytes(ycck)
    keep("ycck.jpg")


def pngs() -> None:
    save("rgb.png", RGB, optimize=True)
    save("rgba.png", RGBA)
    save("grey.png", GREY)
    save("grey_alpha.png", LA)
    save("grey16.png", DEEP)
    save("palette.png", PALETTE)
    save("one_bit.png", GREY.convert("1"))
    for bits, colours in [(1, 2), (2, 4), (4, 16)]:
        save(f"palette{bits}.png", RGB.quantize(colours), bits=bits)
    save("palette_transparent.png", PALETTE, transparency=bytes(range(0, 256, 4)))
    save("rgb_transparent.png", RGB, transparency=RGB.getpixel((5, 5)))

    grey = np.asarray(GREY)
    width, height = SIZE
    for bits in (2, 4):
        few = grey >> (8 - bits)
        per_byte = 8 // bits
        padded = np.pad(few, ((0, 0), (0, -width % per_byte)))
        rows = [sum(row[i::per_byte].astype(np.uint8) << (8 - bits * (i + 1)) for i in range(per_byte)) for row in padded]
        (HERE / f"grey{bits}.png").write_bytes(png((bits, 0, 0), [row.tobytes() for row in rows]))
        keep(f"grey{bits}.png", Image.fromarray((few * (255 // (2**bits - 1))).astype(np.uint8)))

    deep = np.asarray(RGB).astype(">u2") * 257
    deep[..., 0] -= deep[..., 0] // 600
    rows = [row.astype(">u2").tobytes() for row in deep]
    rounded = Image.fromarray(np.floor(deep.astype(np.float64) / 257 + 0.5).astype(np.uint8))
    (HERE / "rgb16.png").write_bytes(png((16, 2, 0), rows))
    keep("rgb16.png", rounded)
    # Pillow reads what is interlaced; that it is the same picture is known besides.
    (HERE / "interlaced.png").write_bytes(png((8, 2, 0), adam7(np.asarray(RGB)), interlaced=True))
    keep("interlaced.png")
    assert np.array_equal(np.asarray(Image.open(HERE / "interlaced.png")), np.asarray(RGB))
    (HERE / "interlaced_alpha.png").write_bytes(png((8, 6, 0), adam7(np.asarray(RGBA)), interlaced=True))
    keep("interlaced_alpha.png")
    save("animated.png", RGB, save_all=True, append_images=[ImageOps.invert(RGB)], duration=100)


def webps() -> None:
    save("lossless.webp", RGB, lossless=True)
    save("lossless_alpha.webp", RGBA, lossless=True, exact=True)
    save("lossy.webp", RGB, quality=80)
    save("lossy_alpha.webp", RGBA, quality=80)
    save("animated.webp", RGB, save_all=True, append_images=[ImageOps.invert(RGB)], lossless=True)


def others() -> None:
    save("rgb.bmp", RGB)
    save("grey.bmp", GREY)
    save("palette.bmp", PALETTE)
    save("one_bit.bmp", GREY.convert("1"))
    save("palette.gif", PALETTE)
    save("transparent.gif", PALETTE, transparency=3)
    save("animated.gif", PALETTE, save_all=True, append_images=[ImageOps.invert(RGB).quantize(64)])
    save("interlaced.gif", PALETTE, interlace=1)


def packed_tiff(pixels: np.ndarray, bits: int, photometric: int, colours: bytes | None = None) -> bytes:
    """A TIFF in one strip with several pixels to a byte: what Pillow reads and does not write."""
    height, width = pixels.shape
    padded = np.pad(pixels, ((0, 0), (0, -width % (8 // bits))))
    per_byte = 8 // bits
    rows = sum(padded[:, i::per_byte].astype(np.uint8) << (8 - bits * (i + 1)) for i in range(per_byte))
    data = rows.tobytes()
    short, long = 3, 4
    map_at = 8 + len(data)
    entries = [
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, 1, bits),
        (259, short, 1, 1),
        (262, short, 1, photometric),
        (273, long, 1, 8),
        (277, short, 1, 1),
        (278, long, 1, height),
        (279, long, 1, len(data)),
    ]
    if colours is not None:
        entries.append((320, short, len(colours) // 2, map_at))
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    behind = colours or b""
    return struct.pack("<2sHI", b"II", 42, map_at + len(behind)) + data + behind + directory + bytes(4)


def packed_tiffs() -> None:
    for bits in (2, 4):
        few = np.asarray(GREY) >> (8 - bits)
        for name, photometric in [("grey", 1), ("white_is_zero", 0)]:
            name = f"{name}{bits}.tif"
            (HERE / name).write_bytes(packed_tiff(few if photometric else few ^ (2**bits - 1), bits, photometric))
            keep(name)
            assert np.array_equal(np.asarray(Image.open(HERE / name)), few * (255 // (2**bits - 1)))
    for bits in (1, 2, 4):
        image = RGB.quantize(2**bits)
        colours = np.array(image.getpalette()[: 3 * 2**bits], dtype="<u2").reshape(-1, 3).T * 257
        colours = np.pad(colours, ((0, 0), (0, 2**bits - colours.shape[1]))).astype("<u2")
        name = f"palette{bits}.tif"
        (HERE / name).write_bytes(packed_tiff(np.asarray(image), bits, 3, colours.tobytes()))
        keep(name)
        assert np.array_equal(np.asarray(Image.open(HERE / name).convert("RGB")), np.asarray(image.convert("RGB")))


def tiffs() -> None:
    for compression in [None, "tiff_lzw", "packbits", "tiff_adobe_deflate"]:
        save(f"rgb_{compression or 'raw'}.tif", RGB, compression=compression)
    save("grey.tif", GREY, compression="tiff_lzw")
    save("grey16.tif", DEEP)
    save("rgba.tif", RGBA, compression="tiff_lzw")
    save("palette.tif", PALETTE)
    save("palette_lzw.tif", PALETTE, compression="tiff_lzw")
    save("one_bit.tif", GREY.convert("1"))
    save("cmyk.tif", RGB.convert("CMYK"), compression="tiff_lzw")
    save("jpeg.tif", RGB, compression="jpeg", quality=90)
    strips = TiffImagePlugin.ImageFileDirectory_v2()
    strips[278] = 4  # rows in a strip
    save("strips.tif", RGB, compression="tiff_lzw", tiffinfo=strips)


def turned() -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        small = RGB.crop((0, 0, 13, 8))
        for extension, options in [
            ("jpg", {"quality": 95, "subsampling": 0}),
            ("png", {}),
            ("webp", {"lossless": True}),
            ("tif", {"compression": "tiff_lzw"}),
        ]:
            save(f"turned{orientation}.{extension}", small, exif=exif, **options)


def profiles() -> None:
    save("srgb_profile.png", GREY.convert("RGB"), icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    save("other_profile.jpg", RGB, quality=60, icc_profile=lab)


def odd() -> None:
    """Kinds of JPEG that are refused. make_magick.py makes more."""
    levels = np.asarray(RGB, np.uint16)
    (HERE / "odd_12_bit.jpg").write_bytes(imagecodecs.jpeg8_encode(levels * 16, level=90, bitspersample=12))
    (HERE / "odd_lossless.jpg").write_bytes(imagecodecs.jpeg8_encode(levels.astype(np.uint8), lossless=True))


if __name__ == "__main__":
    jpegs()
    pngs()
    webps()
    others()
    tiffs()
    packed_tiffs()
    turned()
    profiles()
    odd()
    (HERE / "pixels.txt").write_text("\n".join(SUMS) + "\n")

"""Makes the pictures in this folder that begin with `magick`, and those of several scans, with ImageMagick, and for each the pixels that ImageMagick decodes it to.

    python make_magick.py     # ImageMagick 6.9.11 and cjpeg of libjpeg-turbo 2.1.5

Files and sums are as those of make.py; the sums go into `pixels_magick.txt`. All begin as what make.py has made.
"""

import struct
import subprocess
import zlib
from pathlib import Path

HERE = Path(__file__).parent
SUMS: list[str] = []


def convert(*arguments: str) -> bytes:
    done = subprocess.run(["convert-im6.q16", *arguments], cwd=HERE, check=True, capture_output=True)
    return done.stdout


def save(name: str, *options: str, grey: bool = False, source: str = "rgb.png") -> None:
    """Writes a picture, reads it again, and keeps what was read."""
    convert(source, "+set", "date:create", "+set", "date:modify", *options, name)
    keep(name, grey, source)


def keep(name: str, grey: bool, source: str) -> None:
    raw, channels, mode = ("gray", 1, "L") if grey else ("rgb", 3, "RGB")
    # ImageMagick cuts 16 bits off; rounded, they lose less.
    deep = convert(name, "-background", "white", "-alpha", "remove", "-depth", "16", "-endian", "MSB", f"{raw}:-")
    pixels = bytes((value * 2 + 257) // 514 for (value,) in struct.iter_unpack(">H", deep))
    width, height = struct.unpack(">II", (HERE / source).read_bytes()[16:24])
    assert len(pixels) == width * height * channels, name
    (HERE / "raw.tmp").write_bytes(pixels)
    # Without a palette, whatever ImageMagick finds smaller.
    kind = ["-type", "Grayscale", "-define", "png:color-type=0"] if grey else ["-define", "png:color-type=2"]
    convert("-size", f"{width}x{height}", "-depth", "8", f"{raw}:raw.tmp", *kind, "+set", "date:create", "+set", "date:modify", f"{name}.png")
    (HERE / "raw.tmp").unlink()
    SUMS.append(f"{name} {width} {height} {mode} {zlib.crc32(pixels):08x}")


def main() -> None:
    save("magick.jpg", "-quality", "85")
    save("magick_444.jpg", "-quality", "90", "-sampling-factor", "1x1")
    save("magick_411.jpg", "-quality", "90", "-sampling-factor", "4x1")
    save("magick_440.jpg", "-quality", "90", "-sampling-factor", "1x2")
    save("magick_tall_440.jpg", "-quality", "90", "-sampling-factor", "1x2", source="tall_full.jpg.png")
    save("magick_progressive.jpg", "-quality", "80", "-interlace", "JPEG")
    save("magick_grey.jpg", "-quality", "80", "-colorspace", "Gray", grey=True)
    save("magick_cmyk.jpg", "-quality", "90", "-colorspace", "CMYK")
    save("magick16.png", "-depth", "16", "-level", "1%,99%")
    save("magick_interlaced.png", "-interlace", "PNG")
    save("magick_grey_interlaced.png", "-colorspace", "Gray", "-interlace", "PNG", grey=True)
    save("magick_palette.png", "-colors", "30", "-define", "png:color-type=3")
    save("magick_rle.bmp", "-colors", "200", "-type", "Palette", "-compress", "RLE")
    save("magick.bmp")
    save("magick_16_colours.bmp", "-colors", "16", "-type", "Palette")
    save("magick.gif", "-colors", "100")
    save("magick_lossless.webp", "-define", "webp:lossless=true")
    save("magick_lossy.webp", "-quality", "70")
    save("magick_tiles.tif", "-define", "tiff:tile-geometry=16x16", "-compress", "Zip")
    save("magick_tiles_raw.tif", "-define", "tiff:tile-geometry=16x16", "-compress", "None")
    save("magick_big_endian.tif", "-endian", "MSB", "-compress", "LZW")
    save("magick_predictor.tif", "-define", "tiff:predictor=2", "-compress", "LZW")
    save("magick_planes.tif", "-interlace", "Plane", "-compress", "None")
    save("magick16.tif", "-depth", "16", "-compress", "Zip", "-level", "1%,99%")
    save("magick_grey.tif", "-colorspace", "Gray", "-compress", "Zip", grey=True)
    save("magick_white_is_zero.tif", "-colorspace", "Gray", "-define", "quantum:polarity=min-is-white", "-compress", "None", grey=True)
    save("magick_palette.tif", "-colors", "100", "-type", "Palette", "-compress", "LZW")
    save("magick_16_colours.tif", "-colors", "16", "-type", "Palette", "-depth", "4", "-compress", "Zip")
    save("magick_palette_big_endian.tif", "-colors", "50", "-type", "Palette", "-endian", "MSB", "-compress", "RLE")
    save("magick_palette_tiles.tif", "-colors", "50", "-type", "Palette", "-define", "tiff:tile-geometry=16x16", "-compress", "None")
    save("magick_grey4.tif", "-colorspace", "Gray", "-depth", "4", "-compress", "Zip", grey=True)
    save("magick_fax.tif", "-colorspace", "Gray", "-monochrome", "-compress", "Group4", grey=True)
    scans()
    (HERE / "pixels_magick.txt").write_text("\n".join(SUMS) + "\n")

    convert("rgb.png", "rgb.tmp.ppm")
    for name, options in [("odd_arithmetic", []), ("odd_arithmetic_progressive", ["-progressive"])]:
        subprocess.run(["cjpeg", "-arithmetic", *options, "-outfile", f"{name}.jpg", "rgb.tmp.ppm"], cwd=HERE, check=True)
    (HERE / "rgb.tmp.ppm").unlink()


def scans() -> None:
    """Sequential JPEG files with several scans. What is subsampled as well is refused."""
    for name, scan, sampling in [("scans", "0; 1; 2;", "1x1"), ("scans_pair", "0; 1 2;", "1x1"), ("odd_scans", "0; 1; 2;", "2x2")]:
        convert("tall_full.jpg.png", "scans.tmp.ppm")
        (HERE / "scans.tmp").write_text(scan)
        arguments = ["-quality", "80", "-sample", sampling, "-scans", "scans.tmp", "-outfile", f"{name}.jpg", "scans.tmp.ppm"]
        subprocess.run(["cjpeg", *arguments], cwd=HERE, check=True)
        for temporary in ("scans.tmp", "scans.tmp.ppm"):
            (HERE / temporary).unlink()
        if not name.startswith("odd_"):
            keep(f"{name}.jpg", False, "tall_full.jpg.png")


if __name__ == "__main__":
    main()

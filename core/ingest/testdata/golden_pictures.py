"""Pictures of one drawing as scanners and cameras write them, with Pillow and libtiff: made anew by `make golden`.

The drawing is 400 x 500 points, white, with three black bars: (20, 30)-(200, 60), (20, 90)-(320, 110) and (360, 400)-(380, 480).
"""

from PIL import Image, ImageDraw

BARS = [(20, 30, 199, 59), (20, 90, 319, 109), (360, 400, 379, 479)]


def drawing(mode):
    img = Image.new(mode, (400, 500), {"1": 1, "L": 255, "RGB": (255, 255, 255)}[mode])
    d = ImageDraw.Draw(img)
    for bar in BARS:
        d.rectangle(bar, fill={"1": 0, "L": 0, "RGB": (0, 0, 0)}[mode])
    return img


# A fax of three pages, as scanners write black and white.
drawing("1").save("picture_g4.tiff", compression="group4", save_all=True, append_images=[drawing("1"), drawing("1")], dpi=(200, 200))
drawing("L").save("picture_lzw.tiff", compression="tiff_lzw")
drawing("RGB").save("picture_deflate.tiff", compression="tiff_adobe_deflate")
# Colour, in strips of JPEG that share their tables.
drawing("RGB").save("picture_jpeg.tiff", compression="jpeg", quality=85)
# A phone held sideways: the drawing lies on its left side, and EXIF says so.
exif = Image.Exif()
exif[0x0112] = 6
drawing("L").transpose(Image.Transpose.ROTATE_90).save("picture_turned.jpg", quality=60, exif=exif)
drawing("1").save("picture.png", optimize=True)

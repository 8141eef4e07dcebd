"""Which scenes are in a hall? Badminton, karate and wrestling."""

from dataclasses import replace

import numpy as np
from canvas import Canvas
from colours import SKIN, TAN, WHITE, Colour, rgb
from figures import READY, Figure, Outfit, Pose
from geometry import WIDTH, Point, between
from grounds import Camera, crowd, lay, net, stripe
from noise import pick
from props import racket, shuttlecock

_GI = Outfit(WHITE, (240, 240, 238), SKIN, shoes=None, sleeves=0.86, legs=0.93, loose=1.34)


def badminton(canvas: Canvas) -> None:
    """Shuttlecocks and a racket on a green court, a net and a player behind them."""
    camera = Camera(horizon=120, focal=560, height=1.25)
    canvas.sky((26, 28, 40), (60, 62, 80), 130)
    crowd(canvas, 0, 100, 7, 0.45, ((60, 60, 90), (120, 40, 50), (90, 90, 100)))
    lay(canvas, camera, (34, 128, 92), 0.05, 60)
    for x in (-3.05, -2.6, 0, 2.6, 3.05):
        stripe(canvas, camera, (x, 1.2), (x, 15), 0.06)
    for far in (3.2, 5.0, 11, 13.4):
        stripe(canvas, camera, (-3.05, far), (3.05, far), 0.06)
    _opponent(canvas, camera, 9.2)
    a, b = camera.see(-3.3, 7.4, 1.55), camera.see(3.3, 7.4, 1.55)
    net(canvas, (a, b, camera.see(3.3, 7.4, 0.79), camera.see(-3.3, 7.4, 0.79)), (110, 14), (40, 26, 24), 0.75)
    canvas.lines([(a, b)], 6, WHITE)
    canvas.blur(2.2)
    canvas.shadow((330, 400), 190, 36, 0.5)
    racket(canvas, (20, 432), -0.24, 470, (0.235, 0.14), (36, 40, 52), (236, 240, 90))
    shuttlecock(canvas, (448, 402), -0.6, 165)
    shuttlecock(canvas, (286, 392), -1.13, 285)


def _opponent(canvas: Canvas, camera: Camera, far: float) -> None:
    pose = replace(
        READY,
        elbows=((-0.42, 1.3), (0.36, 1.62)),
        hands=((-0.55, 1.52), (0.3, 1.9)),
        knees=((-0.25, 0.55), (0.25, 0.5)),
        feet=((-0.4, 0.15), (0.35, 0.07)),
    )
    metre = camera.metre(far)
    player = Figure(canvas, pose, Outfit((206, 40, 48), (30, 32, 50)), camera.see(-0.9, far), metre).draw()
    racket(canvas, player.at((0.3, 1.9)), -1.2, 0.68 * metre, (0.2, 0.16), (230, 60, 60), WHITE)


def karate(canvas: Canvas) -> None:
    """A karateka punches, a class stands behind him."""
    camera = Camera(horizon=170, focal=620, height=1.4)
    _dojo(canvas, camera)
    for i, x in enumerate((-3.3, -2.6, 1.75, 2.5, 3.25)):
        hair = ((40, 30, 26), (86, 58, 36), (24, 22, 22))[i % 3]
        metre = camera.metre(7.2) * (0.92 + 0.04 * (i % 3))
        pupil = Figure(canvas, READY, replace(_GI, hair=hair), camera.see(x, 7.2), metre).draw()
        _belt(pupil, ((24, 24, 26), (150, 90, 40), (30, 80, 160))[i % 3])
    canvas.blur(1.3)
    _puncher(canvas, (238, 772), 462)


def _dojo(canvas: Canvas, camera: Camera) -> None:
    """A plain wall with a window band, and a floor of boards."""
    canvas.sky((226, 210, 178), (210, 188, 150), 290)
    for x in range(-30, 660, 170):
        canvas.box(x, 10, x + 150, 92, (246, 242, 226))
        canvas.lines(
            [[(x, 10), (x + 150, 10), (x + 150, 92), (x, 92), (x, 10)], [(x + 75, 10), (x + 75, 92)]], 4, (150, 112, 74)
        )
    lay(canvas, camera, (206, 158, 100), 0.06, 30, 8)
    across, _, rows = camera.ground()
    canvas.pixels[rows] *= (1 - 0.22 * (across % 0.16 < 0.012))[..., None]
    a, b = camera.see(-9, 8.0), camera.see(9, 8.0)
    canvas.polygon([(0, camera.horizon), (WIDTH, camera.horizon), b, a], (206, 184, 148))
    canvas.lines([[a, b]], 7, (128, 92, 58))


def _belt(figure: Figure, colour: Colour) -> None:
    """A belt with its knot and ends, and the jacket's lapels and skirt above and below it."""
    chest, _, seat = figure.trunk()
    x, y = between(chest, seat, 0.82)
    skirt = [figure.rod((x + s, y), (x + 1.4 * s, y - 0.26), 0.09, 0.09) for s in (-0.1, 0, 0.1)]
    figure.wear(skirt, _GI.shirt)
    left, right, low = (chest[0] - 0.07, chest[1] + 0.07), (chest[0] + 0.07, chest[1] + 0.07), (x, y + 0.25)
    figure.canvas.polygon([figure.at(left), figure.at(right), figure.at(low)], figure.outfit.skin)
    lapels = [[figure.at(left), figure.at(low)], [figure.at(right), figure.at(low), figure.at((x - 0.08, y + 0.02))]]
    for wide, shade in ((0.044, 176), (0.032, 232)):
        figure.canvas.lines(lapels, wide * figure.metre, (shade, shade, shade))
    figure.canvas.solid([figure.rod((x - 0.15, y), (x + 0.15, y), 0.03, 0.03)], colour, folds=0.3)
    ends = [figure.rod((x, y), (x + s, y - 0.26), 0.022, 0.024) for s in (-0.07, 0.06)]
    figure.canvas.solid([*ends, figure.rod((x - 0.02, y), (x + 0.02, y), 0.04, 0.04)], colour, folds=0.3)


def _puncher(canvas: Canvas, foot: Point, metre: float) -> None:
    pose = Pose(
        head=(0.08, 1.5),
        shoulders=((-0.12, 1.28), (0.2, 1.28)),
        elbows=((-0.34, 1.08), (0.44, 1.27)),
        hands=((-0.14, 0.98), (0.7, 1.3)),
        hips=((-0.08, 0.84), (0.1, 0.84)),
        knees=((-0.42, 0.5), (0.42, 0.54)),
        feet=((-0.74, 0.07), (0.5, 0.07)),
        faces=1,
    )
    man = Figure(canvas, pose, _GI, foot, metre).draw()
    _belt(man, (22, 22, 24))
    man.arm(1)
    canvas.solid([man.rod((0.72, 1.3), (0.77, 1.3), 0.062, 0.055)], (200, 30, 36), gloss=0.2)


def wrestling(canvas: Canvas) -> None:
    """Two wrestlers in singlets grapple on a mat."""
    camera = Camera(horizon=120, focal=620, height=1.7)
    canvas.sky((20, 20, 26), (40, 40, 48), 150)
    crowd(canvas, 0, 150, 17, 0.6, ((40, 40, 50), (110, 40, 44), (60, 66, 96), (130, 130, 130), (150, 120, 60)))
    canvas.blur(2.4)
    lay(canvas, camera, (120, 40, 44), 0.04, 60)
    _rings(canvas, camera)
    canvas.box(0, 118, WIDTH, 195, (26, 28, 40))
    canvas.blur(1.0)
    canvas.shadow((320, 450), 330, 20, 0.55)
    _grapplers(canvas, (290, 456), 385)


def _rings(canvas: Canvas, camera: Camera) -> None:
    """The mat's blue middle and the yellow ring round it."""
    x, far, rows = camera.ground()
    away = np.hypot(x, far - 4.9)
    grain = (1 + 0.03 * pick(canvas.grain, far * 60, x * 60))[..., None]
    for low, high, colour in ((0.0, 2.0, (46, 60, 110)), (2.0, 2.2, (200, 170, 60))):
        ring = ((away > low) & (away < high))[..., None]
        canvas.pixels[rows] = np.where(ring, rgb(colour) * grain, canvas.pixels[rows])


def _grapplers(canvas: Canvas, foot: Point, metre: float) -> None:
    """One on hands and knees, the other over his back with an arm round his waist."""
    under = Pose(
        head=(-0.6, 0.56),
        shoulders=((-0.36, 0.66), (-0.36, 0.54)),
        elbows=((-0.3, 0.34), (-0.46, 0.3)),
        hands=((-0.5, 0.06), (-0.4, 0.05)),
        hips=((0.24, 0.52), (0.24, 0.5)),
        knees=((0.2, 0.14), (0.06, 0.09)),
        feet=((0.6, 0.1), (0.5, 0.07)),
        faces=-1,
    )
    over = Pose(
        head=(-0.2, 0.9),
        shoulders=((-0.08, 0.92), (0.06, 0.76)),
        elbows=((-0.4, 0.74), (-0.1, 0.56)),
        hands=((-0.5, 0.5), (-0.12, 0.34)),
        hips=((0.6, 0.62), (0.64, 0.58)),
        knees=((0.5, 0.2), (0.38, 0.16)),
        feet=((0.9, 0.1), (0.84, 0.07)),
        faces=-1,
    )
    wear = Outfit((34, 64, 170), (34, 64, 170), TAN, shoes=(36, 36, 40), sleeves=0, legs=0.3, loose=1.06, singlet=True)
    Figure(canvas, under, wear, foot, metre).draw()
    red = replace(wear, shirt=(200, 30, 40), trousers=(200, 30, 40), skin=SKIN, hair=(70, 46, 30))
    Figure(canvas, over, red, foot, metre).draw()

"""Which scenes are outdoors? Cricket, soccer and tennis."""

import numpy as np
from balls import ball, football, leather, tennis_ball
from canvas import Canvas
from colours import SKIN, TAN, WHITE
from figures import Figure, Outfit, Pose
from geometry import WIDTH, Point, between
from grounds import Camera, crowd, lay, net, stripe
from props import racket, stumps


def cricket(canvas: Canvas) -> None:
    """A batsman in white plays a drive in front of his stumps."""
    camera = Camera(horizon=130, focal=900, height=1.45)
    _park(canvas)
    lay(canvas, camera, (140, 149, 80), 0.13, 40, 1.5)
    canvas.polygon(
        [camera.see(-9, 5.9), camera.see(9, 5.9), camera.see(9, 8.2), camera.see(-9, 8.2)], (196, 174, 126), 0.8
    )
    stripe(canvas, camera, (-0.9, 5.5), (-0.9, 7.6), 0.06)
    canvas.blur(1.2)
    stumps(canvas, (492, 448), 246)
    _batsman(canvas, (300, 472), 256)
    ball(canvas, (72, 404), 10, leather, 0.4)


def _park(canvas: Canvas) -> None:
    """Trees and a white fence."""
    canvas.sky((176, 204, 232), (226, 234, 240), 140)
    for _ in range(260):
        x, y = canvas.rng.uniform(-20, 660), canvas.rng.uniform(30, 110)
        green = canvas.rng.uniform(0.5, 1.1)
        r = canvas.rng.uniform(8, 24)
        canvas.solid([((x, y), (x + r / 2, y), r, r)], (52 * green, 84 * green, 40 * green), folds=2.5)
    canvas.blur(2.0)
    canvas.box(0, 104, WIDTH, 134, (232, 232, 232))
    canvas.blur(2.0)


def _batsman(canvas: Canvas, foot: Point, metre: float) -> None:
    pose = Pose(
        head=(-0.26, 1.56),
        shoulders=((-0.3, 1.34), (0.02, 1.36)),
        elbows=((-0.52, 1.2), (-0.2, 1.1)),
        hands=((-0.48, 0.92), (-0.44, 0.98)),
        hips=((-0.06, 0.88), (0.1, 0.86)),
        knees=((-0.42, 0.56), (0.34, 0.46)),
        feet=((-0.52, 0.07), (0.64, 0.08)),
        faces=-1,
    )
    canvas.shadow((foot[0] + 20, foot[1]), 170, 16, 0.5)
    white = Outfit(WHITE, WHITE, TAN, shoes=WHITE, sleeves=0.42, legs=0.88, loose=1.25)
    man = Figure(canvas, pose, white, foot, metre).draw()
    for knee, ankle in zip(pose.knees, pose.feet, strict=True):
        _pad(man, knee, ankle)
    blade = [man.rod((-0.52, 0.8), (-0.76, 0.2), 0.055, 0.072)]
    canvas.solid([man.rod((-0.42, 1.04), (-0.54, 0.76), 0.02, 0.02)], (40, 40, 44))
    canvas.solid(blade, (220, 184, 126), folds=0.15, gloss=0.15)
    for hand in pose.hands:
        canvas.solid([man.rod(hand, (hand[0] - 0.02, hand[1] - 0.05), 0.062, 0.055)], (240, 240, 240), folds=1.2)
    x, y = pose.head
    canvas.solid([man.rod((x + 0.01, y + 0.05), (x + 0.03, y + 0.01), 0.118, 0.115)], (24, 36, 84), gloss=0.35)
    man.bare([man.rod((x - 0.06, y - 0.01), (x - 0.06, y - 0.06), 0.055, 0.05)])
    canvas.solid([man.rod((x - 0.06, y + 0.06), (x - 0.2, y + 0.035), 0.02, 0.012)], (24, 36, 84))
    bars = [[man.at((x - 0.03, y - h)), man.at((x - 0.15, y - h - 0.01))] for h in (0.0, 0.03, 0.06, 0.09)]
    canvas.lines(bars, 1.4, (70, 74, 84))


def _pad(man: Figure, knee: Point, ankle: Point) -> None:
    top, low = between(knee, ankle, -0.4), between(knee, ankle, 0.92)
    man.canvas.solid([man.rod(top, knee, 0.085, 0.105), man.rod(knee, low, 0.105, 0.08)], (250, 250, 246), folds=0.3)
    ridges = []
    for share in np.linspace(0.05, 0.95, 9):
        x, y = between(top, low, share)
        ridges.append([man.at((x - 0.08, y)), man.at((x + 0.08, y - 0.015))])
    man.canvas.lines(ridges, 1.6, (168, 168, 170), 0.8)


def soccer(canvas: Canvas) -> None:
    """A football on the grass, a player who runs at it and a goal behind."""
    camera = Camera(horizon=150, focal=520, height=0.95)
    canvas.sky((60, 70, 92), (96, 104, 120), 160)
    crowd(canvas, 0, 136, 6, 0.75, ((200, 50, 50), (60, 90, 180), (230, 230, 230), (220, 190, 60)))
    for i, colour in enumerate(((30, 70, 170), (236, 236, 236), (190, 36, 40), (30, 120, 80))):
        canvas.box(i * 160, 122, i * 160 + 160, 154, colour)
    lay(canvas, camera, (66, 138, 44), 0.22, 120, 1.6)
    stripe(canvas, camera, (-9, 9.5), (9, 9.5), 0.14)
    _goal(canvas, camera, 11.5)
    canvas.blur(2.4)
    _runner(canvas, (190, 410), 200)
    canvas.blur(0.8)
    canvas.shadow((420, 436), 96, 18, 0.6)
    ball(canvas, (410, 356), 84, football, 0.25)
    _blades(canvas, 416, 452)


def _runner(canvas: Canvas, foot: Point, metre: float) -> None:
    pose = Pose(
        head=(0.1, 1.62),
        shoulders=((-0.1, 1.4), (0.2, 1.38)),
        elbows=((-0.34, 1.22), (0.42, 1.18)),
        hands=((-0.5, 1.02), (0.58, 1.36)),
        hips=((-0.06, 0.9), (0.1, 0.9)),
        knees=((-0.22, 0.5), (0.36, 0.6)),
        feet=((-0.56, 0.3), (0.3, 0.12)),
        faces=1,
    )
    canvas.shadow((foot[0], foot[1] - 2), 90, 12, 0.5)
    red = Outfit((210, 30, 40), (240, 240, 240), TAN, shoes=(240, 220, 60), socks=(210, 30, 40))
    Figure(canvas, pose, red, foot, metre).draw()


def _goal(canvas: Canvas, camera: Camera, far: float) -> None:
    a, b = camera.see(-3.2, far, 2.44), camera.see(3.6, far, 2.44)
    c, d = camera.see(3.6, far), camera.see(-3.2, far)
    net(canvas, (a, b, c, d), (46, 18), (236, 236, 236), 0.7)
    canvas.lines([[d, a, b, c]], 6, (250, 250, 250))


def _blades(canvas: Canvas, top: float, bottom: float) -> None:
    """Blades of grass before what lies on it."""
    for y in np.arange(top, bottom + 40, 3):
        green = canvas.rng.uniform(0.7, 1.25)
        starts = canvas.rng.uniform(0, WIDTH, 150)
        tips = canvas.rng.normal(0, 4, 150), canvas.rng.uniform(5, 14, 150)
        blades = [((x, y + 6), (x + dx, y + 6 - dy)) for x, dx, dy in zip(starts, *tips, strict=True)]
        canvas.lines(blades, 1.2, (70 * green, 142 * green, 46 * green), 0.8)


def tennis(canvas: Canvas) -> None:
    """A player hits a forehand on a blue hard court."""
    camera = Camera(horizon=120, focal=700, height=2.0)
    canvas.sky((30, 36, 60), (40, 50, 80), 80)
    crowd(canvas, 0, 80, 8, 0.8, ((230, 230, 230), (60, 90, 170), (190, 60, 60), (40, 50, 70)))
    lay(canvas, camera, (44, 120, 190), 0.05, 60)
    canvas.box(0, 78, WIDTH, 206, (24, 80, 156))
    canvas.box(0, 78, WIDTH, 84, (230, 230, 235))
    stripe(canvas, camera, (-9, 9.0), (9, 9.0), 0.1)
    stripe(canvas, camera, (-2.4, 3), (-3.2, 15.5), 0.07)
    canvas.blur(2.2)
    _forehand(canvas, (205, 468), 225)
    ball(canvas, (520, 62), 15, tennis_ball, 0.1)


def _forehand(canvas: Canvas, foot: Point, metre: float) -> None:
    pose = Pose(
        head=(0.06, 1.62),
        shoulders=((-0.16, 1.38), (0.18, 1.4)),
        elbows=((-0.42, 1.26), (0.42, 1.16)),
        hands=((-0.56, 1.5), (0.66, 1.2)),
        hips=((-0.1, 0.92), (0.1, 0.92)),
        knees=((-0.3, 0.54), (0.34, 0.54)),
        feet=((-0.5, 0.07), (0.5, 0.09)),
        faces=1,
    )
    canvas.shadow((foot[0] + 10, foot[1] - 4), 170, 14, 0.5)
    white = Outfit(WHITE, (236, 236, 240), SKIN, (120, 76, 40), socks=WHITE, legs=0.34)
    woman = Figure(canvas, pose, white, foot, metre).draw()
    x, y = pose.head
    canvas.solid([woman.rod((x - 0.09, y + 0.06), (x + 0.09, y + 0.06), 0.03, 0.03)], WHITE)
    canvas.solid([woman.rod((x + 0.08, y + 0.055), (x + 0.19, y + 0.04), 0.02, 0.012)], WHITE)
    racket(canvas, woman.at((0.66, 1.2)), -0.75, 1.1 * metre, (0.27, 0.21), (200, 40, 44), (236, 238, 220))
    woman.bare([woman.rod((0.64, 1.18), (0.69, 1.22), 0.042, 0.042)])

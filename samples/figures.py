"""How are people drawn?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from canvas import Canvas
from colours import DARK, SKIN, WHITE, Colour
from geometry import Capsule, Point, between


@dataclass(frozen=True)
class Pose:
    """Where the joints are, in metres from the spot on the ground, x to the right and y up; pairs are (far, near)."""

    head: Point
    shoulders: tuple[Point, Point]
    elbows: tuple[Point, Point]
    hands: tuple[Point, Point]
    hips: tuple[Point, Point]
    knees: tuple[Point, Point]
    feet: tuple[Point, Point]
    faces: float = 0.0
    """Where the figure looks: -1 to the left, 0 to us, 1 to the right."""


@dataclass(frozen=True)
class Outfit:
    """What a figure wears; lengths are shares of the arm or leg, 0.5 to the elbow or knee."""

    shirt: Colour
    trousers: Colour
    skin: Colour = SKIN
    hair: Colour = DARK
    shoes: Colour | None = WHITE
    socks: Colour | None = None
    sleeves: float = 0.4
    legs: float = 0.4
    loose: float = 1.15
    """How much wider than the limb the cloth is."""
    singlet: bool = False
    """The shirt leaves the shoulders bare."""


class Figure:
    """A person on the canvas, standing at a pixel, with so many pixels to a metre."""

    def __init__(self, canvas: Canvas, pose: Pose, outfit: Outfit, foot: Point, metre: float) -> None:
        self.canvas, self.pose, self.outfit, self.foot, self.metre = canvas, pose, outfit, foot, metre

    def at(self, point: Point) -> Point:
        """The pixel of a point in metres."""
        return (self.foot[0] + point[0] * self.metre, self.foot[1] - point[1] * self.metre)

    def rod(self, a: Point, b: Point, ra: float, rb: float) -> Capsule:
        """A capsule given in metres."""
        return (self.at(a), self.at(b), ra * self.metre, rb * self.metre)

    def wear(self, parts: Sequence[Capsule], colour: Colour) -> None:
        """Cloth."""
        self.canvas.solid(parts, colour, folds=min(7.0, 0.031 * self.metre) * (self.outfit.loose - 0.95))

    def bare(self, parts: Sequence[Capsule]) -> None:
        """Skin."""
        self.canvas.solid(parts, self.outfit.skin, gloss=0.10)

    def limb(
        self, joints: tuple[Point, Point, Point], radii: tuple[float, float, float], cloth: float
    ) -> list[Capsule]:
        """The limb's rods as far as that share of it, as wide as the cloth is loose."""
        (a, b, c), (ra, rb, rc) = joints, radii
        loose = self.outfit.loose
        upper, under = min(1.0, cloth * 2), max(0.0, cloth * 2 - 1)
        end = ra + (rb - ra) * upper
        parts = [self.rod(a, between(a, b, upper), ra * loose, max(end * loose, rb))]
        if under:
            parts.append(self.rod(b, between(b, c, under), rb * loose, (rb + (rc - rb) * under) * loose * 1.1))
        return parts

    def arm(self, side: int) -> None:
        """One arm, 0 the far one."""
        a, b, c = self.pose.shoulders[side], self.pose.elbows[side], self.pose.hands[side]
        self.bare(
            [self.rod(a, b, 0.058, 0.044), self.rod(b, c, 0.046, 0.03), self.rod(c, between(b, c, 1.18), 0.04, 0.034)]
        )
        if self.outfit.sleeves:
            self.wear(self.limb((a, b, c), (0.068, 0.056, 0.046), self.outfit.sleeves), self.outfit.shirt)

    def leg(self, side: int) -> None:
        """One leg, 0 the far one; the near one comes with the hips."""
        a, b, c = self.pose.hips[side], self.pose.knees[side], self.pose.feet[side]
        calf = between(b, c, 0.35)
        self.bare([self.rod(a, b, 0.09, 0.058), self.rod(b, calf, 0.055, 0.06), self.rod(calf, c, 0.06, 0.034)])
        if self.outfit.socks:
            self.canvas.solid([self.rod(between(b, c, 0.4), c, 0.061, 0.042)], self.outfit.socks, folds=0.2)
        toes = self.pose.faces * 0.16 or (0.05 if side else -0.05)
        foot = [self.rod(c, (c[0] + toes, c[1] - 0.035), 0.046, 0.034)]
        if self.outfit.shoes:
            self.canvas.solid(foot, self.outfit.shoes, gloss=0.1)
        else:
            self.bare(foot)
        cloth = self.limb((a, b, c), (0.098, 0.078, 0.062), self.outfit.legs)
        self.wear(cloth + (self.seat() if side else []), self.outfit.trousers)

    def trunk(self) -> tuple[Point, Point, Point]:
        """The middle of chest, waist and hips."""
        chest, belt = (between(*pair, 0.5) for pair in (self.pose.shoulders, self.pose.hips))
        return chest, between(chest, belt, 0.62), belt

    def seat(self) -> list[Capsule]:
        """The hips."""
        (c, d), (_, waist, belt) = self.pose.hips, self.trunk()
        wide = 0.09 * self.outfit.loose
        return [self.rod(c, d, wide, wide), self.rod(waist, belt, 0.12, 0.115)]

    def torso(self) -> None:
        """Chest and belly with what they wear."""
        (a, b), (c, d), (chest, waist, belt) = self.pose.shoulders, self.pose.hips, self.trunk()
        neck, hem = between(chest, self.pose.head, 0.3), between(waist, belt, 0.5)
        body = [self.rod(a, b, 0.06, 0.06), self.rod(between(chest, waist, 0.22), waist, 0.13, 0.12)]
        body += [self.rod(neck, a, 0.045, 0.055), self.rod(neck, b, 0.045, 0.055), self.rod(waist, hem, 0.12, 0.125)]
        body += [self.rod(a, between(c, waist, 0.5), 0.065, 0.085), self.rod(b, between(d, waist, 0.5), 0.065, 0.085)]
        if not self.outfit.singlet:
            wide = 0.092 * self.outfit.loose
            left, right = between(c, hem, 0.15), between(d, hem, 0.15)
            body += [self.rod(left, right, wide, wide), self.rod(a, left, 0.065, wide), self.rod(b, right, 0.065, wide)]
            self.wear(body, self.outfit.shirt)
            return
        self.bare(body)
        low = between(chest, belt, 0.36)
        straps = [self.rod(between(chest, s, 0.6), low, 0.035, 0.09) for s in (a, b)]
        self.wear([*straps, self.rod(low, waist, 0.13, 0.13), self.rod(waist, belt, 0.13, 0.12)], self.outfit.shirt)

    def face(self) -> None:
        """Neck, head, hair and a hint of a face."""
        (x, y), turn, (chest, _, _) = self.pose.head, self.pose.faces, self.trunk()
        self.bare([self.rod(between(chest, (x, y), 0.2), (x - 0.01 * turn, y - 0.05), 0.058, 0.052)])
        crown = (x - 0.014 * turn, y + 0.045)
        self.canvas.solid([self.rod(crown, (x - 0.03 * turn, y + 0.02), 0.098, 0.09)], self.outfit.hair, folds=0.3)
        skull = self.rod((x + 0.034 * turn, y + 0.005), (x + 0.036 * turn, y - 0.03), 0.074, 0.066)
        jaw = self.rod((x + 0.036 * turn, y - 0.04), (x + 0.05 * turn, y - 0.085), 0.06, 0.038)
        self.bare([skull, jaw])
        self.bare([self.rod((x + 0.1 * turn, y), (x + 0.112 * turn, y - 0.022), 0.006, 0.012)])
        for offset in (-0.034, 0.034) if turn == 0 else (0.016 * turn,):
            eye = self.at((x + 0.06 * turn + offset, y + 0.015))
            self.canvas.ellipse(eye, 0.014 * self.metre, 0.008 * self.metre, DARK, 0.75)
        mouth = self.at((x + 0.068 * turn, y - 0.065))
        self.canvas.ellipse(mouth, 0.018 * self.metre, 0.006 * self.metre, (136, 70, 62), 0.7)
        if turn:
            self.bare([self.rod((x - 0.03 * turn, y + 0.005), (x - 0.03 * turn, y - 0.025), 0.018, 0.013)])

    def draw(self) -> Self:
        """All of it, from far to near."""
        self.arm(0)
        self.leg(0)
        self.leg(1)
        self.torso()
        self.face()
        self.arm(1)
        return self


READY = Pose(
    head=(0, 1.62),
    shoulders=((-0.18, 1.4), (0.18, 1.4)),
    elbows=((-0.3, 1.14), (0.3, 1.14)),
    hands=((-0.2, 0.95), (0.2, 0.95)),
    hips=((-0.1, 0.92), (0.1, 0.92)),
    knees=((-0.17, 0.5), (0.17, 0.5)),
    feet=((-0.2, 0.07), (0.2, 0.07)),
)

"""Problems of mathematics and the natural sciences, by topic."""

from __future__ import annotations

import math

from notevault.demo.problem import Drill

DRILLS: dict[str, tuple[Drill, ...]] = {
    "Real Analysis": (
        Drill(
            "Find the sum of the geometric series with first term {a} and ratio 1/{b}.",
            "S = {a} / (1 - 1/{b})",
            lambda a, b: a / (1 - 1 / b),
            "sum",
            "",
            ("first term", range(2, 40)),
            ("1 / ratio", range(2, 9)),
        ),
    ),
    "Linear Algebra": (
        Drill(
            "A matrix has trace {a} and one of its two eigenvalues is {b}. Find the other.",
            "{a} - {b}",
            lambda a, b: a - b,
            "eigenvalue",
            "",
            ("trace", range(3, 40)),
            ("known eigenvalue", range(-9, 12, 2)),
        ),
        Drill(
            "Find the angle between (1, {a}) and ({b}, 0) in degrees.",
            "tan t = {a} / 1",
            lambda a, b: math.degrees(math.atan(a)),
            "angle",
            "degrees",
            ("second entry", range(2, 12)),
            ("first entry", range(2, 12)),
        ),
    ),
    "Differential Equations": (
        Drill(
            "Solve y' = -0.0{a} y with y(0) = 100 and find y({b}).",
            "y = 100 exp(-0.0{a} × {b})",
            lambda a, b: 100 * math.exp(-a / 100 * b),
            "y",
            "",
            ("rate (hundredths)", range(1, 10)),
            ("t", range(5, 60, 5)),
        ),
    ),
    "Abstract Algebra": (
        Drill(
            "How many elements has the direct product of cyclic groups of order {a} and {b}?",
            "order of G × H = {a} × {b}",
            lambda a, b: a * b,
            "elements",
            "",
            ("first factor", range(3, 30)),
            ("second factor", range(2, 12)),
        ),
    ),
    "Probability and Statistics": (
        Drill(
            "In how many ways can {b} students be chosen from {a}?",
            "C({a}, {b}) = {a}! / ({b}! × ({a} - {b})!)",
            lambda a, b: math.comb(int(a), int(b)),
            "ways",
            "",
            ("students", range(8, 18)),
            ("chosen", range(2, 6)),
        ),
    ),
    "Complex Analysis": (
        Drill(
            "Find the modulus of {a} + {b}i raised to the third power.",
            "({a}² + {b}²)^(3/2)",
            lambda a, b: (a * a + b * b) ** 1.5,
            "modulus",
            "",
            ("real part", range(1, 15)),
            ("imaginary part", range(1, 12)),
        ),
    ),
    "Classical Mechanics": (
        Drill(
            "A body of {a} kg moves at {b} m/s. Find its kinetic energy.",
            "E = m v² / 2 = {a} × {b}² / 2",
            lambda a, b: a * b * b / 2,
            "kinetic energy",
            "J",
            ("mass (kg)", range(2, 30)),
            ("speed (m/s)", range(3, 40)),
        ),
    ),
    "Electromagnetic Theory": (
        Drill(
            "Find the field {b} cm from a point charge of {a} nC in air.",
            "E = 9e9 × {a}e-9 / (0.01 × {b})²",
            lambda a, b: 9 * a / (b / 100) ** 2,
            "field",
            "V/m",
            ("charge (nC)", range(1, 40)),
            ("distance (cm)", range(5, 60, 5)),
        ),
    ),
    "Quantum Mechanics": (
        Drill(
            "An electron is in level {a} of an infinite well {b} angstrom wide. Find its energy.",
            "E = {a}² × 37.6 eV / {b}²",
            lambda a, b: a * a * 37.6 / (b * b),
            "energy",
            "eV",
            ("level", range(1, 9)),
            ("width (angstrom)", range(1, 12)),
        ),
    ),
    "Thermal Physics": (
        Drill(
            "A Carnot engine works between {a} K and {b} K. Find its efficiency.",
            "eta = 1 - {b} / {a}",
            lambda a, b: (1 - b / a) * 100,
            "efficiency",
            "%",
            ("source (K)", range(450, 900, 25)),
            ("sink (K)", range(280, 400, 10)),
        ),
    ),
    "Optics": (
        Drill(
            "Slits 0.{a} mm apart are lit at 589 nm. Find the fringe width on a screen at {b} cm.",
            "beta = lambda D / d = 589e-9 × {b}e-2 / 0.{a}e-3",
            lambda a, b: 589e-9 * b * 1e-2 / (a / 10 * 1e-3) * 1e3,
            "fringe width",
            "mm",
            ("slit distance (0.1 mm)", range(2, 10)),
            ("screen (cm)", range(50, 200, 10)),
        ),
    ),
    "Solid State Physics": (
        Drill(
            "A first order Bragg peak of planes {b}0 pm apart is seen at {a} degrees. Find "
            "the wavelength.",
            "lambda = 2 × {b}0 × sin({a})",
            lambda a, b: 2 * b * 10 * math.sin(math.radians(a)),
            "wavelength",
            "pm",
            ("angle (degrees)", range(8, 40, 2)),
            ("spacing (10 pm)", range(15, 40)),
        ),
    ),
    "Organic Chemistry": (
        Drill(
            "A sample with specific rotation {a} degrees is measured in a 2 dm tube at 0.{b} "
            "g/mL. Find the reading.",
            "alpha = {a} × 2 × 0.{b}",
            lambda a, b: a * 2 * b / 10,
            "rotation",
            "degrees",
            ("specific rotation", range(12, 110, 4)),
            ("concentration (0.1 g/mL)", range(1, 9)),
        ),
    ),
    "Physical Chemistry": (
        Drill(
            "The half-life of a first order reaction is {a} min. How much of 100 g is left "
            "after {b} min?",
            "m = 100 × (1/2)^({b} / {a})",
            lambda a, b: 100 * 0.5 ** (b / a),
            "mass left",
            "g",
            ("half-life (min)", range(10, 60, 2)),
            ("time (min)", range(10, 120, 5)),
        ),
    ),
    "Inorganic Chemistry": (
        Drill(
            "A complex has {a} unpaired electrons, and there are {b} mmol of it. Find the "
            "spin-only moment.",
            "mu = sqrt({a} × ({a} + 2)), whatever the amount",
            lambda a, b: math.sqrt(a * (a + 2)),
            "magnetic moment",
            "BM",
            ("unpaired electrons", range(1, 8)),
            ("amount (mmol)", range(1, 9)),
        ),
    ),
    "Analytical Chemistry": (
        Drill(
            "How many grams of NaOH (40 g/mol) are in {a} mL of a 0.{b} M solution?",
            "m = 40 × 0.{b} × {a} / 1000",
            lambda a, b: 40 * b / 10 * a / 1000,
            "mass",
            "g",
            ("volume (mL)", range(50, 750, 25)),
            ("molarity (0.1 M)", range(1, 10)),
        ),
    ),
    "Biochemistry for Chemists": (
        Drill(
            "Find the rate at [S] = {a} mM for Vmax = 100 units and Km = {b} mM.",
            "v = 100 × {a} / ({b} + {a})",
            lambda a, b: 100 * a / (a + b),
            "rate",
            "units",
            ("[S] (mM)", range(1, 40)),
            ("Km (mM)", range(2, 20)),
        ),
    ),
    "Polymer Chemistry": (
        Drill(
            "A polymer with units of {a} g/mol has a degree of polymerisation of {b}. Find "
            "its molar mass.",
            "M = {a} × {b}",
            lambda a, b: a * b,
            "molar mass",
            "g/mol",
            ("unit (g/mol)", range(28, 200, 6)),
            ("chain length", range(50, 900, 50)),
        ),
    ),
    "Cell Biology": (
        Drill(
            "A cell of {a} µm is drawn {b} mm long. Find the magnification.",
            "M = {b} × 1000 / {a}",
            lambda a, b: b * 1000 / a,
            "magnification",
            "times",
            ("cell (µm)", range(5, 60, 5)),
            ("drawing (mm)", range(20, 120, 5)),
        ),
    ),
    "Genetics": (
        Drill(
            "In a cross {a} of {b}00 offspring are recombinant. Find the map distance.",
            "d = {a} / {b}00 × 100",
            lambda a, b: a / b,
            "map distance",
            "cM",
            ("recombinants", range(20, 200, 6)),
            ("offspring (hundred)", range(5, 15)),
        ),
    ),
    "Plant Physiology": (
        Drill(
            "A cell has a solute potential of -0.{a} MPa and a pressure potential of 0.{b} "
            "MPa. Find its water potential.",
            "-0.{a} + 0.{b}",
            lambda a, b: (b - a) / 10,
            "water potential",
            "MPa",
            ("solute (-0.1 MPa)", range(3, 10)),
            ("pressure (0.1 MPa)", range(1, 9)),
        ),
    ),
    "Microbiology": (
        Drill(
            "A culture of {a} cells doubles every {b} minutes. How many cells after 3 hours?",
            "N = {a} × 2^(180 / {b})",
            lambda a, b: round(a * 2 ** (180 / b)),
            "cells",
            "",
            ("cells at the start", range(10, 200, 10)),
            ("doubling (min)", range(20, 65, 5)),
        ),
    ),
    "Ecology": (
        Drill(
            "A population of {a} grows by {b} % a year without limit. Find its size after 10 "
            "years.",
            "N = {a} × (1 + {b}/100)^10",
            lambda a, b: round(a * (1 + b / 100) ** 10),
            "population",
            "",
            ("start", range(50, 900, 50)),
            ("growth (%)", range(1, 15)),
        ),
    ),
    "Molecular Biology": (
        Drill(
            "A primer has {a} of A and T and {b} of G and C. Find its melting temperature.",
            "Tm = 2 × {a} + 4 × {b}",
            lambda a, b: 2 * a + 4 * b,
            "Tm",
            "°C",
            ("A + T", range(6, 16)),
            ("G + C", range(6, 14)),
        ),
    ),
}

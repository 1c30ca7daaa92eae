"""Problems of computing and engineering, by topic."""

from __future__ import annotations

import math

from notevault.demo.problem import Drill

DRILLS: dict[str, tuple[Drill, ...]] = {
    "Operating Systems": (
        Drill(
            "A page table lookup takes {a} ns and memory {b} ns. With a TLB of 90 % hits and 2 ns, "
            "find the effective access time.",
            "EAT = 0.9 (2 + {b}) + 0.1 (2 + {a} + {b})",
            lambda a, b: 0.9 * (2 + b) + 0.1 * (2 + a + b),
            "effective access time",
            "ns",
            ("lookup (ns)", range(20, 120, 5)),
            ("memory (ns)", range(50, 200, 10)),
        ),
    ),
    "Data Structures": (
        Drill(
            "A binary search tree is perfectly balanced and holds {a} thousand keys. How many "
            "comparisons does a search need at most, and how long at {b} ns each?",
            "h = ceil(log2({a} 000 + 1)), time = h × {b}",
            lambda a, b: math.ceil(math.log2(a * 1000 + 1)) * b,
            "time",
            "ns",
            ("keys (thousand)", range(2, 90, 4)),
            ("step (ns)", range(5, 40, 5)),
        ),
    ),
    "Database Management Systems": (
        Drill(
            "A table of {a} thousand rows holds {b} rows in a block. How many blocks does a "
            "full scan read?",
            "{a} 000 / {b}, rounded up",
            lambda a, b: math.ceil(a * 1000 / b),
            "blocks",
            "blocks",
            ("rows (thousand)", range(10, 900, 30)),
            ("rows in a block", range(10, 60, 5)),
        ),
        Drill(
            "A B+ tree has {b} pointers in a node. How many leaves can it reach in {a} levels "
            "below the root?",
            "{b}^{a}",
            lambda a, b: b**a,
            "leaves",
            "",
            ("levels", range(1, 5)),
            ("fan-out", range(20, 120, 10)),
        ),
    ),
    "Computer Networks": (
        Drill(
            "How long does it take to send a file of {a} MB on a link of {b} Mbps?",
            "t = {a} × 8 / {b}",
            lambda a, b: a * 8 / b,
            "time",
            "s",
            ("file (MB)", range(5, 500, 15)),
            ("link (Mbps)", range(10, 200, 10)),
        ),
    ),
    "Design and Analysis of Algorithms": (
        Drill(
            "Merge sort takes {b} ns for each of its n log2(n) steps. How long does it take "
            "for {a} thousand items?",
            "{a} 000 × log2({a} 000) × {b} ns",
            lambda a, b: a * 1000 * math.log2(a * 1000) * b / 1e6,
            "time",
            "ms",
            ("items (thousand)", range(10, 900, 30)),
            ("step (ns)", range(5, 40, 5)),
        ),
    ),
    "Machine Learning": (
        Drill(
            "A classifier finds {a} of 120 positives and raises {b} false alarms. Find its "
            "precision.",
            "P = {a} / ({a} + {b})",
            lambda a, b: a / (a + b),
            "precision",
            "",
            ("true positives", range(40, 120, 4)),
            ("false alarms", range(3, 50, 3)),
        ),
    ),
    "Digital Electronics": (
        Drill(
            "The logic between two flip-flops takes {a} ns, clock-to-output and setup "
            "together {b} ns. Find the highest clock.",
            "f = 1 / ({a} + {b}) ns",
            lambda a, b: 1000 / (a + b),
            "clock",
            "MHz",
            ("logic (ns)", range(4, 60, 3)),
            ("flip-flop (ns)", range(1, 9)),
        ),
    ),
    "Analog Circuits": (
        Drill(
            "Find the cut-off frequency of an RC filter with R = {a} kOhm and C = {b} nF.",
            "f = 1 / (2 pi R C) = 1 / (2 pi × {a}e3 × {b}e-9)",
            lambda a, b: 1 / (2 * math.pi * a * 1e3 * b * 1e-9),
            "cut-off frequency",
            "Hz",
            ("R (kOhm)", range(1, 50)),
            ("C (nF)", range(10, 220, 10)),
        ),
        Drill(
            "An inverting amplifier has Rf = {a} kOhm and R1 = {b} kOhm. Find the output for an "
            "input of 0.1 V.",
            "Vo = - {a} / {b} × 0.1",
            lambda a, b: -a / b * 0.1,
            "output",
            "V",
            ("Rf (kOhm)", range(10, 220, 10)),
            ("R1 (kOhm)", range(1, 12)),
        ),
    ),
    "Signals and Systems": (
        Drill(
            "A signal of {a} kHz is sampled at {b} times the Nyquist rate with 16 bits. Find "
            "the bit rate.",
            "2 × {a} × {b} × 16",
            lambda a, b: 2 * a * b * 16,
            "bit rate",
            "kbit/s",
            ("bandwidth (kHz)", range(3, 40)),
            ("oversampling", range(1, 9)),
        ),
    ),
    "Control Systems": (
        Drill(
            "Find the steady error of a unity feedback loop with gain Kp = {a} for a step of {b}.",
            "e = {b} / (1 + {a})",
            lambda a, b: b / (1 + a),
            "steady error",
            "",
            ("Kp", range(2, 60, 3)),
            ("step", range(1, 12)),
        ),
    ),
    "Communication Systems": (
        Drill(
            "Find the bandwidth of an FM signal with a deviation of {a} kHz and audio of {b} kHz.",
            "BW = 2 ({a} + {b})",
            lambda a, b: 2 * (a + b),
            "bandwidth",
            "kHz",
            ("deviation (kHz)", range(25, 100, 5)),
            ("audio (kHz)", range(3, 20)),
        ),
    ),
    "Microprocessors": (
        Drill(
            "Find the physical address, in decimal, of offset {b} in segment {a}.",
            "{a} × 16 + {b}",
            lambda a, b: a * 16 + b,
            "address",
            "",
            ("segment", range(256, 4096, 64)),
            ("offset", range(16, 512, 16)),
        ),
    ),
    "Engineering Thermodynamics": (
        Drill(
            "Steam at 10 bar (hf = 763, hfg = 2015 kJ/kg) is 0.{a} dry. Find the enthalpy of "
            "{b} kg.",
            "H = {b} × (763 + 0.{a} × 2015)",
            lambda a, b: b * (763 + a / 10 * 2015),
            "enthalpy",
            "kJ",
            ("dryness (tenths)", range(5, 10)),
            ("mass (kg)", range(1, 12)),
        ),
    ),
    "Strength of Materials": (
        Drill(
            "A bar of {a} mm diameter carries {b} kN. Find the stress.",
            "sigma = 4 × {b}e3 / (pi × {a}²)",
            lambda a, b: 4 * b * 1e3 / (math.pi * a * a),
            "stress",
            "MPa",
            ("diameter (mm)", range(10, 60, 2)),
            ("load (kN)", range(5, 90, 5)),
        ),
    ),
    "Fluid Mechanics": (
        Drill(
            "Water flows at {b} m/s in a pipe of {a} mm. Find the Reynolds number (nu = 1e-6 "
            "m²/s).",
            "Re = {b} × 0.001 × {a} / 1e-6",
            lambda a, b: b * a * 1000,
            "Reynolds number",
            "",
            ("diameter (mm)", range(10, 120, 5)),
            ("speed (m/s)", range(1, 6)),
        ),
    ),
    "Theory of Machines": (
        Drill(
            "A shaft sends {a} kW at {b} rpm. Find the torque.",
            "T = P × 60 / (2 pi N) = {a}e3 × 60 / (2 pi × {b})",
            lambda a, b: a * 1e3 * 60 / (2 * math.pi * b),
            "torque",
            "N m",
            ("power (kW)", range(5, 120, 5)),
            ("speed (rpm)", range(100, 1500, 50)),
        ),
    ),
    "Manufacturing Processes": (
        Drill(
            "A bar of {a} mm diameter is turned at {b}0 rpm. Find the cutting speed.",
            "V = pi × {a} × {b}0 / 1000",
            lambda a, b: math.pi * a * b * 10 / 1000,
            "cutting speed",
            "m/min",
            ("diameter (mm)", range(20, 120, 5)),
            ("speed (10 rpm)", range(12, 90, 6)),
        ),
    ),
    "Heat Transfer": (
        Drill(
            "A wall {a} cm thick has k = 0.8 W/mK and a difference of {b} K. Find the flux.",
            "q = 0.8 × {b} / (0.01 × {a})",
            lambda a, b: 0.8 * b / (0.01 * a),
            "heat flux",
            "W/m²",
            ("thickness (cm)", range(10, 50, 2)),
            ("difference (K)", range(10, 400, 10)),
        ),
    ),
    "Structural Analysis": (
        Drill(
            "A simply supported beam of {a} m carries {b} kN/m. Find the largest moment.",
            "M = w L² / 8 = {b} × {a}² / 8",
            lambda a, b: b * a * a / 8,
            "moment",
            "kN m",
            ("span (m)", range(3, 13)),
            ("load (kN/m)", range(5, 60, 5)),
        ),
    ),
    "Reinforced Concrete Design": (
        Drill(
            "A beam of effective depth {a} mm has {b} mm² of Fe 415 steel. Find the moment "
            "for a lever arm of 0.9 d.",
            "M = 0.87 × 415 × {b} × 0.9 × {a}",
            lambda a, b: 0.87 * 415 * b * 0.9 * a / 1e6,
            "moment",
            "kN m",
            ("depth (mm)", range(300, 700, 25)),
            ("steel (mm²)", range(400, 2000, 100)),
        ),
    ),
    "Soil Mechanics": (
        Drill(
            "Water flows through {a} m of sand with a head loss of {b} m, k = 0.02 cm/s. Find the "
            "speed of seepage over the gross area.",
            "v = k i = 0.02 × {b} / {a}",
            lambda a, b: 0.02 * b / a,
            "speed",
            "cm/s",
            ("length (m)", range(2, 30)),
            ("head (m)", range(1, 12)),
        ),
    ),
    "Surveying": (
        Drill(
            "A staff reads {a} cm of intercept, with constants 100 and 0, on a line of sight "
            "rising {b} degrees. Find the distance.",
            "D = {a} × cos²({b})",
            lambda a, b: a * math.cos(math.radians(b)) ** 2,
            "distance",
            "m",
            ("intercept (cm)", range(20, 200, 8)),
            ("angle (degrees)", range(1, 16)),
        ),
    ),
    "Environmental Engineering": (
        Drill(
            "The ultimate BOD is {a} mg/L and k = 0.{b} per day. Find the five-day BOD.",
            "{a} × (1 - exp(-0.{b} × 5))",
            lambda a, b: a * (1 - math.exp(-b / 10 * 5)),
            "BOD",
            "mg/L",
            ("ultimate BOD (mg/L)", range(100, 500, 20)),
            ("k (tenths)", range(1, 5)),
        ),
    ),
    "Transportation Engineering": (
        Drill(
            "Find the stopping distance at {a} km/h with a reaction time of {b} s and f = 0.35.",
            "SSD = 0.278 × {a} × {b} + {a}² / (254 × 0.35)",
            lambda a, b: 0.278 * a * b + a * a / (254 * 0.35),
            "stopping distance",
            "m",
            ("speed (km/h)", range(30, 125, 5)),
            ("reaction (s)", range(2, 4)),
        ),
    ),
}

"""Problems of economics, commerce, law and medicine, by topic."""

from __future__ import annotations

import math

from notevault.demo.problem import Drill

DRILLS: dict[str, tuple[Drill, ...]] = {
    "Microeconomics": (
        Drill(
            "Demand is Q = {a} - 2P and supply is Q = {b} + P. Find the price in equilibrium.",
            "{a} - 2P = {b} + P",
            lambda a, b: (a - b) / 3,
            "price",
            "Rs.",
            ("demand at 0", range(90, 300, 6)),
            ("supply at 0", range(3, 80, 3)),
        ),
        Drill(
            "Price rises by {a} % and quantity falls by {b} %. Find the elasticity.",
            "e = - {b} / {a}",
            lambda a, b: -b / a,
            "elasticity",
            "",
            ("price (%)", range(2, 25)),
            ("quantity (%)", range(2, 40)),
        ),
    ),
    "Macroeconomics": (
        Drill(
            "The marginal propensity to consume is 0.{a}. By how much does income rise when "
            "investment rises by Rs. {b} crore?",
            "dY = {b} / (1 - 0.{a})",
            lambda a, b: b / (1 - a / 10),
            "rise of income",
            "crore Rs.",
            ("MPC (tenths)", range(4, 10)),
            ("investment (crore)", range(20, 400, 20)),
        ),
    ),
    "Indian Economy": (
        Drill(
            "Output grows by {a} % and population by {b} % a year. By how much does output "
            "per head grow?",
            "(1.{a:02d} / 1.{b:02d} - 1) × 100",
            lambda a, b: ((1 + a / 100) / (1 + b / 100) - 1) * 100,
            "growth per head",
            "%",
            ("output (%)", range(3, 10)),
            ("population (%)", range(1, 4)),
        ),
    ),
    "Econometrics": (
        Drill(
            "A coefficient of 0.{a} has a standard error of 0.0{b}. Find t.",
            "t = 0.{a} / 0.0{b}",
            lambda a, b: (a / 10) / (b / 100),
            "t",
            "",
            ("coefficient (tenths)", range(1, 10)),
            ("error (hundredths)", range(1, 10)),
        ),
    ),
    "International Economics": (
        Drill(
            "The index of export prices is {a} and that of import prices {b}. Find the terms "
            "of trade.",
            "{a} / {b} × 100",
            lambda a, b: a / b * 100,
            "terms of trade",
            "",
            ("export prices", range(90, 160, 5)),
            ("import prices", range(90, 150, 5)),
        ),
    ),
    "Public Finance": (
        Drill(
            "Tax revenue rises by {a} % when GDP rises by {b} %. Find the buoyancy.",
            "{a} / {b}",
            lambda a, b: a / b,
            "buoyancy",
            "",
            ("revenue (%)", range(4, 22)),
            ("GDP (%)", range(4, 14)),
        ),
    ),
    "Financial Accounting": (
        Drill(
            "A machine costs Rs. {a} 000 and loses {b} % of its book value each year. Find "
            "its value after 3 years.",
            "{a} 000 × (1 - {b}/100)³",
            lambda a, b: a * 1000 * (1 - b / 100) ** 3,
            "book value",
            "Rs.",
            ("cost (thousand)", range(20, 600, 20)),
            ("rate (%)", range(5, 30, 5)),
        ),
    ),
    "Cost Accounting": (
        Drill(
            "Fixed cost is Rs. {a} 000 and contribution per unit Rs. {b}. Find the break-even "
            "point.",
            "BEP = {a} 000 / {b}",
            lambda a, b: a * 1000 / b,
            "break-even point",
            "units",
            ("fixed cost (thousand)", range(20, 400, 10)),
            ("contribution (Rs.)", range(5, 80, 5)),
        ),
        Drill(
            "Yearly demand is {a} 000 units, an order costs Rs. 100, carrying a unit Rs. {b}. "
            "Find the EOQ.",
            "EOQ = sqrt(2 × {a} 000 × 100 / {b})",
            lambda a, b: math.sqrt(2 * a * 1000 * 100 / b),
            "EOQ",
            "units",
            ("demand (thousand)", range(2, 60, 2)),
            ("carrying (Rs.)", range(2, 20)),
        ),
    ),
    "Business Law": (
        Drill(
            "Goods were to be sold for Rs. {a} 000 and fetched Rs. {b} 000 on resale. What "
            "may the unpaid seller claim?",
            "{a} 000 - {b} 000",
            lambda a, b: max(0, a - b) * 1000,
            "claim",
            "Rs.",
            ("price (thousand)", range(60, 400, 10)),
            ("resale (thousand)", range(10, 60, 5)),
        ),
    ),
    "Marketing Management": (
        Drill(
            "A firm sells {a} thousand units in a market of {b} lakh units. Find its share.",
            "{a} / ({b} × 100) × 100",
            lambda a, b: a / b,
            "market share",
            "%",
            ("units (thousand)", range(20, 300, 10)),
            ("market (lakh)", range(5, 30)),
        ),
    ),
    "Financial Management": (
        Drill(
            "Find the present value of Rs. {a} 000 due after 5 years at {b} %.",
            "PV = {a} 000 / (1 + {b}/100)^5",
            lambda a, b: a * 1000 / (1 + b / 100) ** 5,
            "present value",
            "Rs.",
            ("amount (thousand)", range(10, 500, 10)),
            ("rate (%)", range(6, 19)),
        ),
    ),
    "Income Tax": (
        Drill(
            "A house is let at Rs. {a} 000 a month and municipal tax of Rs. {b} 000 was paid. "
            "Find the income after the deduction of 30 %.",
            "({a} 000 × 12 - {b} 000) × 0.7",
            lambda a, b: (a * 12 - b) * 700,
            "income",
            "Rs.",
            ("rent (thousand)", range(8, 60, 2)),
            ("tax (thousand)", range(4, 40, 2)),
        ),
    ),
    "Constitutional Law": (
        Drill(
            "A House of {b} has {a} members present and voting. How many of those present must "
            "vote for an amendment?",
            "two thirds of {a}, rounded up; half of {b} is needed as well",
            lambda a, b: math.ceil(a * 2 / 3),
            "votes",
            "",
            ("present", range(300, 540, 12)),
            ("members", range(540, 546)),
        ),
    ),
    "Law of Contracts": (
        Drill(
            "S breaks a contract to deliver {a} quintals of rice. The market price has risen by "
            "Rs. {b} a quintal. Find the damages under section 73.",
            "loss = {a} × {b}",
            lambda a, b: a * b,
            "damages",
            "Rs.",
            ("quintals", range(20, 400, 10)),
            ("rise (Rs.)", range(50, 600, 25)),
        ),
        Drill(
            "A decree of Rs. {a} 000 carries simple interest of 6 % for {b} years. Find the sum "
            "due.",
            "{a} 000 × (1 + 0.06 × {b})",
            lambda a, b: a * 1000 * (1 + 0.06 * b),
            "sum due",
            "Rs.",
            ("decree (thousand)", range(50, 900, 25)),
            ("years", range(1, 12)),
        ),
    ),
    "Criminal Law": (
        Drill(
            "An offence carries up to {a} years or a fine of Rs. {b} 000. For how long at "
            "most may imprisonment in default of the fine run?",
            "a quarter of {a} years",
            lambda a, b: a * 12 / 4,
            "term",
            "months",
            ("sentence (years)", range(1, 11)),
            ("fine (thousand)", range(1, 30)),
        ),
    ),
    "Law of Torts": (
        Drill(
            "A deceased earned Rs. {a} 000 a month and spent a third on himself. Find the "
            "compensation with a multiplier of {b}.",
            "{a} 000 × 12 × 2/3 × {b}",
            lambda a, b: a * 1000 * 12 * 2 / 3 * b,
            "compensation",
            "Rs.",
            ("income (thousand)", range(12, 90, 3)),
            ("multiplier", range(5, 19)),
        ),
    ),
    "Law of Evidence": (
        Drill(
            "A deed of {b} is produced from proper custody, and the suit is filed {a} years later. "
            "By how many years has it passed thirty?",
            "{a} - 30",
            lambda a, b: a - 30,
            "years",
            "",
            ("age (years)", range(31, 60)),
            ("year of the deed", range(1930, 1985)),
        ),
    ),
    "Intellectual Property": (
        Drill(
            "An author wrote a book in {a} and died {b} years later. In which year does "
            "copyright end?",
            "{a} + {b} + 60",
            lambda a, b: a + b + 60,
            "year",
            "",
            ("year of the book", range(1905, 1999, 3)),
            ("years", range(1, 40)),
        ),
    ),
    "Human Anatomy": (
        Drill(
            "A femur is {a} cm long. Estimate the height, for the age of {b}, by 2.32 × "
            "length + 65.5.",
            "2.32 × {a} + 65.5 - 0.06 × ({b} - 30)",
            lambda a, b: 2.32 * a + 65.5 - 0.06 * (b - 30),
            "height",
            "cm",
            ("femur (cm)", range(38, 52)),
            ("age", range(30, 80, 5)),
        ),
    ),
    "Physiology": (
        Drill(
            "The stroke volume is {a} mL and the rate {b} per minute. Find the cardiac output.",
            "CO = {a} × {b} / 1000",
            lambda a, b: a * b / 1000,
            "cardiac output",
            "L/min",
            ("stroke volume (mL)", range(50, 110, 2)),
            ("rate (per min)", range(55, 130, 3)),
        ),
    ),
    "Pharmacology": (
        Drill(
            "A drug is given at {a} mg with a half-life of {b} h. How much is left after 12 h?",
            "{a} × (1/2)^(12 / {b})",
            lambda a, b: a * 0.5 ** (12 / b),
            "amount left",
            "mg",
            ("dose (mg)", range(50, 800, 50)),
            ("half-life (h)", range(2, 13)),
        ),
    ),
    "Pathology": (
        Drill(
            "PCV is {a} % and red cells are {b} hundred thousand per microlitre. Find the MCV.",
            "{a} × 10 / ({b} / 10)",
            lambda a, b: a * 10 / (b / 10),
            "MCV",
            "fL",
            ("PCV (%)", range(24, 52, 2)),
            ("red cells (hundred thousand)", range(28, 60, 2)),
        ),
    ),
    "Community Medicine": (
        Drill(
            "{a} new cases are found in a year in a town of {b} 000. Find the incidence.",
            "{a} / {b} 000 × 1000",
            lambda a, b: a / b,
            "incidence",
            "per 1000",
            ("cases", range(12, 400, 8)),
            ("population (thousand)", range(10, 150, 5)),
        ),
    ),
    "Nursing Foundations": (
        Drill(
            "A drip of {a} mL is to run in {b} hours with a set of 15 drops per mL. Find the rate.",
            "rate = {a} × 15 / ({b} × 60)",
            lambda a, b: a * 15 / (b * 60),
            "rate",
            "drops/min",
            ("volume (mL)", range(250, 2000, 50)),
            ("hours", range(2, 13)),
        ),
    ),
}

"""The demo's catalogue: notes on twelve subjects from six sellers, the same on every run."""

from __future__ import annotations

from dataclasses import replace
from itertools import count as numbers
from random import Random

from notevault.demo.note import DemoNote
from notevault.demo.paper import render_pdf
from notevault.demo.people import SELLERS
from notevault.demo.subjects import Subject, Topic, all_subjects
from notevault.demo.universities import UNIVERSITIES

__all__ = ["CATEGORIES", "SELLERS", "DemoNote", "make_catalogue", "render_pdf"]

CATEGORIES = tuple((subject.slug, subject.name) for subject in all_subjects())

SHORT_TITLES = (
    "{topic}: {about}",
    "{topic}: {about}",
    "{topic}: {section}",
    "{topic}: {section}",
    "{topic}: short notes for revision",
    "{topic}: formulas and worked problems",
    "{topic}: important questions with answers",
    "{topic}: class notes with diagrams",
    "{topic} in one evening",
    "{topic}: definitions, results and examples",
    "{topic} for the end-semester exam",
    "A first course in {topic}",
)
LONG_TITLES = (
    "{topic}: complete notes, all units",
    "{topic} and allied papers: full course notes",
    "{topic}: the whole syllabus with solved problems",
    "{topic}: {about} (complete course)",
)
ORIGINS = (
    "Typed from my class notes and checked against the textbook.",
    "Written from the lectures of {year}, in the order they were given.",
    "Made for my own end-semester exam in {year}.",
    "Put together by two of us over one semester at {university}.",
    "Neat, printable and in plain language.",
)
STRENGTHS = (
    "Every chapter has a figure, a worked problem and questions from old papers.",
    "{pages} pages, with definitions in boxes and practice at the end.",
    "Short on theory and long on worked problems.",
    "Diagrams are drawn so that you can copy them in the exam.",
    "Answers to all practice problems are given.",
)
EXAMS = {
    "technical": "Also useful for GATE.",
    "science": "Also useful for IIT JAM and CUET PG.",
    "arts": "Also useful for UPSC optional papers.",
    "commerce": "Also useful for CA and CMA foundation.",
    "law": "Also useful for judicial service exams.",
    "medicine": "Also useful for NEXT and nursing officer exams.",
}
INSTITUTES = ("IIT", "NIT", "BITS", "Delhi Technological")
INSTITUTE_DEGREES = ("B.Tech", "M.Tech", "M.Sc")

FREE_SHARE = 0.06
HINDI_SHARE = 0.08
LONG_SHARE, GIANT_SHARE = 0.06, 0.015
SHORT_PRICES = (2900, 3900, 4900, 5900, 7900, 9900, 10000, 11900, 14900)
MIDDLE_PRICES = (7900, 9900, 12900, 14900, 17900, 19900, 20000, 24900, 29900)
LONG_PRICES = (24900, 29900, 34900, 39900, 49900, 49900)
RARE_PRICES = (100, 500, 99900, 149900, 249900, 1_000_000)


def make_catalogue(*, count: int = 200, seed: int = 7) -> list[DemoNote]:
    """`count` notes with different titles, spread evenly over subjects and sellers."""
    rng = Random(seed)
    pages = _page_counts(count, rng)
    subjects = all_subjects()
    taken: set[str] = set()
    notes = []
    for index in range(count):
        subject = subjects[index % len(subjects)]
        note = _make_note(subject, pages=pages[index], seller=SELLERS[index % 6][0], rng=rng)
        title = _unused(note.title, taken)
        taken.add(title)
        notes.append(replace(note, title=title))
    return _with_rare_prices(notes, rng)


def _make_note(subject: Subject, *, pages: int, seller: str, rng: Random) -> DemoNote:
    topic = rng.choice(subject.topics)
    university = rng.choice(UNIVERSITIES[subject.kind])
    course, semesters = rng.choice(_courses(subject, topic, university))
    language = "hi" if rng.random() < HINDI_SHARE else "en"
    return DemoNote(
        title=_title(topic, pages, rng) + (" (with Hindi terms)" if language == "hi" else ""),
        description=_description(subject, topic, pages=pages, university=university, rng=rng),
        category_slug=subject.slug,
        seller_email=seller,
        university=university,
        course=course,
        semester=min(topic.semester, semesters),
        language=language,
        price_paise=_price(pages, rng),
        pages=pages,
    )


def _courses(subject: Subject, topic: Topic, university: str) -> list[tuple[str, int]]:
    """Courses that are taught there and reach the topic's semester; all, if none does."""
    taught = [
        course
        for course in subject.courses
        if not university.startswith(INSTITUTES) or course[0].startswith(INSTITUTE_DEGREES)
    ]
    return [course for course in taught if course[1] >= topic.semester] or taught


def _title(topic: Topic, pages: int, rng: Random) -> str:
    form = rng.choice(LONG_TITLES if pages > 50 else SHORT_TITLES)
    return form.format(topic=topic.title, about=topic.about, section=rng.choice(topic.sections))


def _unused(title: str, taken: set[str]) -> str:
    if title not in taken:
        return title
    return next(name for part in numbers(2) if (name := f"{title}, part {part}") not in taken)


def _description(
    subject: Subject, topic: Topic, *, pages: int, university: str, rng: Random
) -> str:
    covered = "; ".join(sorted(rng.sample(topic.sections, 3), key=topic.sections.index))
    sentences = [f"Covers {topic.about}. Chapters: {covered}."]
    sentences.append(
        rng.choice(ORIGINS).format(year=rng.randint(2021, 2025), university=university)
    )
    sentences.append(rng.choice(STRENGTHS).format(pages=pages))
    if rng.random() < 0.4:
        sentences.append(EXAMS[subject.kind])
    return " ".join(sentences)


def _page_counts(count: int, rng: Random) -> list[int]:
    """Most from 4 to 40, some from 51 to 150, a few above: one for each rate of commission."""
    giants = round(count * GIANT_SHARE)
    longs = round(count * LONG_SHARE)
    pages = [rng.randint(151, 180) for _ in range(giants)]
    pages += [rng.choice((rng.randint(51, 90), rng.randint(51, 150))) for _ in range(longs)]
    pages += [round(rng.triangular(4, 40, 10)) for _ in range(count - giants - longs)]
    rng.shuffle(pages)
    return pages


def _price(pages: int, rng: Random) -> int:
    if rng.random() < FREE_SHARE:
        return 0
    if pages > 50:
        return rng.choice(LONG_PRICES)
    return rng.choice(SHORT_PRICES if pages <= 15 else MIDDLE_PRICES)


def _with_rare_prices(notes: list[DemoNote], rng: Random) -> list[DemoNote]:
    """Give a few notes of a large catalogue the least, the greatest and some odd prices."""
    if len(notes) < 50:
        return notes
    for price, index in zip(RARE_PRICES, rng.sample(range(len(notes)), 6), strict=True):
        notes[index] = replace(notes[index], price_paise=price)
    return notes

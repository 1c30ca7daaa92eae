"""Composes the blocks of a chapter from what its subject and topic have to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from notevault.demo.blocks import (
    Block,
    Callout,
    Flow,
    Formulas,
    Heading,
    Listing,
    Paragraph,
    Plot,
    Stack,
    Table,
    Worked,
)
from notevault.demo.drills import DRILLS
from notevault.demo.problem import Drill
from notevault.demo.subjects import Subject, Topic

REMARKS = (
    "Learn this with its figure: it is easier to redraw than to recite.",
    "Marks are lost here mostly for missing conditions, so state them first.",
    "Our lecturer asked for an example after every definition, and so does the exam.",
    "Write one line of reasoning between two lines of working.",
    "Read the statement twice; each word in it is there for a reason.",
    "This was a ten-mark question in two of the last five papers.",
    "A small labelled sketch is worth two marks by itself.",
    "Compare this with the previous section before going on.",
    "Try the next problem with the page covered, then check.",
    "It helps to say the idea aloud in your own words, without symbols.",
    "The same idea comes back in a later unit under another name.",
    "Short answers are enough here; the long ones belong to the next chapter.",
    "If time is short, revise the box and the worked problem, and leave the rest.",
    "Begin the answer with the definition, go on to the result, and end with an example.",
    "The textbook spends ten pages on this; what follows is all that was ever asked.",
    "Mind the difference between what is assumed and what is shown.",
)
ASIDES = (
    "Leave a line after each step; examiners mark what they can see.",
    "Copy this box on a card and carry it to the exam hall gate.",
    "Ask why each condition is needed: drop it and find what breaks.",
    "Two minutes for the diagram, eight for the text.",
    "Set the book aside and write down what you remember of this page.",
)


@dataclass(frozen=True)
class Chapter:
    title: str
    topic: Topic
    position: int
    """Which section of its topic it is."""
    is_exam: bool = False


@dataclass(frozen=True)
class Writer:
    subject: Subject
    rng: Random
    in_hindi: bool = False

    def write(self, chapter: Chapter) -> Iterator[Block]:
        """Endless: first what the chapter must say, then practice for the room that is left."""
        if chapter.is_exam:
            yield from self._exam(chapter.topic)
        else:
            yield from self._core(chapter)
        while True:
            yield from self._practice(chapter.topic)

    def aside(self) -> Block:
        """A short block for a short space."""
        return Callout("Tip", self.rng.choice(ASIDES))

    def _core(self, chapter: Chapter) -> Iterator[Block]:
        topic, at = chapter.topic, chapter.position
        yield Stack((Heading("Overview"), Paragraph(self._prose(topic, at))))
        term, meaning = topic.definitions[at % len(topic.definitions)]
        yield Callout(f"Definition: {term}", meaning)
        if at == 0 and self.in_hindi:
            yield Table(
                "Key terms in Hindi, in Roman letters", ("English", "Hindi"), self.subject.hindi
            )
        name, statement = topic.results[at % len(topic.results)]
        yield Stack((Heading(name), Paragraph(f"{statement} {self._remark()}")))
        yield Formulas(topic.formulas if at % 2 else topic.formulas[:2])
        yield self._figure(topic, at)
        yield self._worked(topic)
        yield self._points(topic, at)
        yield self._questions(topic)

    def _exam(self, topic: Topic) -> Iterator[Block]:
        others = [each for each in self.subject.topics if each is not topic]
        mixed = [self.rng.choice(each.questions) for each in others]
        yield Stack((Heading("Long answers"), Listing(topic.questions, numbered=True)))
        yield self._practice_set(topic)
        yield Stack((Heading("From the rest of the course"), Listing(tuple(mixed), numbered=True)))

    def _practice(self, topic: Topic) -> Iterator[Block]:
        makers: list[Callable[[Topic], Block]] = [
            self._worked,
            lambda topic: self._worked(self.rng.choice(self.subject.topics)),
            self._practice_set,
            self._recall,
            self._recall,
            self._questions,
            lambda topic: self._figure(topic, self.rng.randrange(4)),
            lambda topic: self._grid(),
        ]
        if self.subject.kind != "law":
            makers += [self._measured_table, self._measured_plot]
        self.rng.shuffle(makers)
        for make in makers:
            yield make(topic)

    def _prose(self, topic: Topic, at: int) -> str:
        first, second = topic.prose[at % 4], topic.prose[(at + 1) % 4]
        return " ".join(
            (first, self._remark(), second) if at % 2 else (first, second, self._remark())
        )

    def _remark(self) -> str:
        return self.rng.choice(REMARKS)

    def _figure(self, topic: Topic, at: int) -> Block:
        """The topic's curve, its steps, or a graph or a table of computed values, by turns."""
        if self.subject.kind == "law" and at % 2:
            return self._grid()
        if at % 4 == 1 or topic.plot is None:
            caption = f"{topic.title}, step by step"
            return Stack((Heading(topic.steps_title), Flow(caption, topic.steps)))
        if at % 4 == 0:
            across, up, shape = topic.plot
            return Plot(f"{topic.title}: {up} against {across}", (across, up), shape=shape)
        return self._measured_plot(topic) if at % 4 == 2 else self._measured_table(topic)

    def _points(self, topic: Topic, at: int) -> Block:
        term, meaning = topic.definitions[(at + 2) % 4]
        points = (topic.prose[(at + 2) % 4], topic.prose[(at + 3) % 4], f"{term}: {meaning}")
        return Stack((Heading("Points to remember"), Listing(points)))

    def _questions(self, topic: Topic) -> Block:
        asked = tuple(self.rng.sample(topic.questions, 3))
        return Stack((Heading(f"Asked in exams: {topic.title}"), Listing(asked, numbered=True)))

    def _recall(self, topic: Topic) -> Block:
        term, meaning = self.rng.choice(topic.definitions + topic.results)
        return Callout(f"Recall: {term}", f"{meaning} {self._remark()}")

    def _grid(self) -> Block:
        grid = self.rng.choice(self.subject.grids)
        return Table(grid.caption, grid.head, grid.rows)

    def _drill(self, topic: Topic) -> Drill:
        return self.rng.choice(DRILLS[topic.title])

    def _worked(self, topic: Topic) -> Block:
        problem = self._drill(topic).pose(self.rng)
        return Worked("Worked problem", problem.ask, problem.working, problem.answer)

    def _practice_set(self, topic: Topic) -> Block:
        """A problem of the topic, and three of the whole course."""
        others = self.rng.sample(self.subject.topics, 3)
        problems = [self._drill(each).pose(self.rng) for each in (topic, *others)]
        answers = "; ".join(
            f"({n}) {problem.answer}" for n, problem in enumerate(problems, start=1)
        )
        return Stack(
            (
                Heading("Mixed practice"),
                Listing(tuple(problem.ask for problem in problems), numbered=True),
                Paragraph(f"Answers: {answers}"),
            )
        )

    def _series(self, drill: Drill, count: int) -> tuple[int, list[int]]:
        """A fixed second quantity, and values of the first spread over its range."""
        values = drill.first[1]
        stride = max(1, len(values) // count)
        return self.rng.choice(drill.second[1]), list(values[::stride])[:count]

    def _measured_table(self, topic: Topic) -> Block:
        drill = self._drill(topic)
        fixed, values = self._series(drill, 5)
        rows = tuple((str(a), str(fixed), drill.answer(a, fixed)) for a in values)
        head = (drill.first[0], drill.second[0], drill.result)
        return Table(f"{drill.result.capitalize()} against {drill.first[0]}", head, rows)

    def _measured_plot(self, topic: Topic) -> Block:
        drill = self._drill(topic)
        fixed, values = self._series(drill, 9)
        unit = f" ({drill.unit})" if drill.unit else ""
        return Plot(
            f"{drill.result.capitalize()} for {drill.second[0]} = {fixed}",
            (drill.first[0], f"{drill.result}{unit}"),
            points=tuple((a, drill.solve(a, fixed)) for a in values),
        )

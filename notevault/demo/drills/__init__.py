"""Problems with numbers for every topic; a note poses as many of them as it has room for."""

from __future__ import annotations

from notevault.demo.drills import science, society, technology

DRILLS = {**science.DRILLS, **technology.DRILLS, **society.DRILLS}

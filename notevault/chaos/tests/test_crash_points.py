"""One order, one death: counted when the file is gone."""

from __future__ import annotations

from pathlib import Path

from notevault.chaos.crash_points import CrashPoints


class TestCrashPoints:
    def test_arm_a_point_by_a_file_of_its_name(self, tmp_path: Path) -> None:
        points = CrashPoints(tmp_path)

        points.order("settlement.committed")

        assert [path.name for path in tmp_path.iterdir()] == ["settlement.committed"]
        assert points.fired.total() == 0

    def test_arm_it_again_for_a_second_order_once_one_has_died(self, tmp_path: Path) -> None:
        points = CrashPoints(tmp_path)
        points.order("settlement.committed")
        points.order("settlement.committed")

        (tmp_path / "settlement.committed").unlink()
        points.look()

        assert points.fired["settlement.committed"] == 1
        assert (tmp_path / "settlement.committed").exists()

    def test_leave_nobody_to_die_when_disarmed(self, tmp_path: Path) -> None:
        points = CrashPoints(tmp_path)
        points.order("webhook.stored")
        points.order("webhook.stored")

        points.disarm()
        points.look()

        assert list(tmp_path.iterdir()) == []
        assert points.fired.total() == 0

"""What the cluster's ConfigMap gives to every pod, for who plays one on this machine."""

from __future__ import annotations

from pathlib import Path

CONFIG = Path(__file__).with_name("k8s") / "base" / "config.env"


def config() -> dict[str, str]:
    lines = (line.strip() for line in CONFIG.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def of_the_c_library() -> dict[str, str]:
    """How it holds memory."""
    return {name: value for name, value in config().items() if name.startswith("MALLOC_")}


def of_the_web_server() -> dict[str, str]:
    return {name: config()[name] for name in ("WEB_WORKERS", "WEB_THREADS")}

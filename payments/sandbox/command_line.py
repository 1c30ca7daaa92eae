"""The flags that both ways of starting the sandbox share."""

import argparse
import logging

DEFAULT_PORT = 5002
LARGEST_PORT = 65535


def add_flags(parser: argparse.ArgumentParser, *, state: str, webhook_url: str) -> None:
    """Add the flags, with the state file and webhook address to use by default."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="port to listen on (%(default)s)"
    )
    parser.add_argument(
        "--state", default=state, help='SQLite file, or ":memory:" to keep nothing (%(default)s)'
    )
    parser.add_argument(
        "--webhook-url",
        default=webhook_url,
        help='where events are sent, "" for nowhere (%(default)s)',
    )
    parser.add_argument(
        "--clock",
        type=_speed,
        default=1.0,
        metavar="N",
        help="how much faster retries and expiries come: 3600 puts an hour into a second",
    )


def log_to_stderr(*, verbose: bool) -> None:
    """Problems always, and every request and delivery when `verbose`."""
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("razorpay_sandbox").setLevel(logging.INFO if verbose else logging.WARNING)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is between 0 and {LARGEST_PORT}")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError("the clock's speed is a number above 0")
    return speed

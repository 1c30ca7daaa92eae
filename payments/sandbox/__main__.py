"""`python -m payments.sandbox`: the sandbox without Django."""

import argparse
import os
import sys

from payments.sandbox.app import Config
from payments.sandbox.command_line import add_flags, log_to_stderr
from payments.sandbox.server import AddressUnusable, serve
from payments.sandbox.store import StateFileUnusable

KEYS = ("RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET", "RAZORPAY_WEBHOOK_SECRET")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m payments.sandbox",
        description="A local gateway that the razorpay SDK takes for Razorpay. "
        f"The keys come from the environment: {', '.join(KEYS)}.",
    )
    port = os.environ.get("PORT", "5001")
    add_flags(
        parser,
        state=".data/razorpay-sandbox.sqlite3",
        webhook_url=f"http://127.0.0.1:{port}/api/v1/webhooks/razorpay",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log requests and deliveries to stderr"
    )
    options = parser.parse_args()
    missing = [name for name in KEYS if not os.environ.get(name)]
    if missing:
        parser.error(f"set {' and '.join(missing)} in the environment")
    log_to_stderr(verbose=options.verbose)
    config = Config(
        key_id=os.environ["RAZORPAY_KEY_ID"],
        key_secret=os.environ["RAZORPAY_KEY_SECRET"],
        webhook_secret=os.environ["RAZORPAY_WEBHOOK_SECRET"],
        webhook_url=options.webhook_url or None,
        state=options.state,
        clock_speed=options.clock,
    )
    try:
        serve(config, host=options.host, port=options.port, write=sys.stdout.write)
    except (AddressUnusable, StateFileUnusable) as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()

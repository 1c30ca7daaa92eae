"""Values that make things go wrong, for whom the control endpoint is out of reach."""

LATE = "late@razorpay"
MANUAL = "manual@razorpay"
TWICE = "twice@razorpay"
REFUNDED = "refunded@razorpay"
DISPUTED = "disputed@razorpay"
WRONG_AMOUNT = "wrongamount@razorpay"
DOLLARS = "dollars@razorpay"

MAGIC_VPAS = {
    LATE: "fails, and is authorised 3 seconds later",
    MANUAL: "is authorised, and never captured by itself",
    TWICE: "pays, and then pays the same order a second time",
    REFUNDED: "pays, and is then refunded in the dashboard",
    DISPUTED: "pays, and is then disputed",
    WRONG_AMOUNT: "pays one rupee less than the order's amount",
    DOLLARS: "pays in USD",
}

FAULTS_BY_AMOUNT = {
    900429: "rate_limited",
    900500: "server_error",
    900502: "bad_gateway",
    900030: "silent",
    900001: "reset_before",
    900002: "reset_after",
    900003: "answer_lost",
}

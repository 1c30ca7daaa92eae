"""E-mails about money: who is told what, as jobs that are repeated until they are sent."""

from payments.mails.kinds import MailKind
from payments.mails.sending import MailNotSent, send
from payments.mails.telling import (
    tell,
    tell_each_of_paid,
    tell_each_of_sale,
    tell_of_paid,
    tell_of_sale,
)

__all__ = [
    "MailKind",
    "MailNotSent",
    "send",
    "tell",
    "tell_each_of_paid",
    "tell_each_of_sale",
    "tell_of_paid",
    "tell_of_sale",
]

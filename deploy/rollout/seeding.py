"""Run in a release's own tree: its catalogue, its people, its tokens. Prints one line of JSON."""

from __future__ import annotations

import json

import django

NOTES = 32
BUYERS = 200
# Dearer ones are given back by two of the staff, who are not here.
DEAREST_PAISE = 200_000


def main() -> None:
    django.setup()
    from notes.models import Note
    from notevault.chaos.people import make_people
    from notevault.demo import seed
    from notevault.demo.catalogue import CATEGORIES, SELLERS
    from notevault.kit import clock

    people = make_people(seed=1, buyers=BUYERS, notes=0)
    seed.make_people()
    seed.make_categories()
    seed.NOTES = NOTES
    seed.make_notes(now=clock.now(), watch=lambda notes: notes)
    notes = Note.objects.published().order_by("pk")
    sold = notes.filter(price_paise__gt=0, price_paise__lte=DEAREST_PAISE)
    told = {
        "buyers": [{"id": str(buyer.id), "token": buyer.token} for buyer in people.buyers],
        "notes": [str(pk) for pk in sold.values_list("pk", flat=True)],
        "categories": [slug for slug, _ in CATEGORIES],
        "universities": sorted(set(notes.values_list("university", flat=True))),
        "sign_ins": [email for email, _ in SELLERS],
        "password": seed.PASSWORD,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()

"""The passwords of tests cost next to nothing, and are hashed as every other is."""

from notevault.accounts.hashing import Argon2id


class CheapArgon2id(Argon2id):
    time_cost = 1
    memory_cost = 8

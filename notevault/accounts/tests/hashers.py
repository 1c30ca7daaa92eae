"""The passwords of tests cost next to nothing, and are hashed as every other is."""

from notevault.accounts.hashing import Scrypt


class CheapScrypt(Scrypt):
    work_factor = 2
    parallelism = 1

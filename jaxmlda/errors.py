"""The errors that a person meets: one clear line, no traceback unless `--debug` asks for it."""


class UserError(Exception):
    """Something a user can mend: says what was wrong, where, and what to do."""


class Interrupted(Exception):
    """A signal asked the work to stop; everything needed to go on has been saved."""

    exit_code = 75

"""The verbs: the only files that know several rooms. Each hands one room what another has made."""

"""Week 4: characters as numbers, recurrent networks, text that goes on."""

EXERCISES = ()

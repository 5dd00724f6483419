"""``fractalgen features``."""

from fractalgen.cli.family_command import family_command

features = family_command(
    "features",
    """Draw pictures like early layers' stimuli.

    They go to OUT, ./ipmix-set if left out, and stand in for feature visualisations of a
    trained network; 'build-set --features' takes such pictures where you have them. What is
    there already is kept, so that the same command goes on after an interruption.
    """,
)

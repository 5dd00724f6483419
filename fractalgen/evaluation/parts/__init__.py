"""The parts of an evaluation: each opens and checks what it needs first, and measures later."""

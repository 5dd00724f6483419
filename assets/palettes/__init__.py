"""The palette files that ship with fractalgen, in GIMP's palette format."""

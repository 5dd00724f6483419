"""Which images a set has: recipes, their files, and where each image lies in the set."""

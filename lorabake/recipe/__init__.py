"""The guide's "Preparing the Oven": recipes, presets, the sums before a bake."""

"""The guide's "Is it Ready?": epochs by weights at one seed, on one labelled sheet."""

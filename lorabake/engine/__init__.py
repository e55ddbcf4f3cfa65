"""What training and grids share: model families, networks, optimizers, schedules."""

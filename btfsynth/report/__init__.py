"""One page that shows a design: training, weights, circuit, checks."""

"""Networks of threshold neurons: topology, trained weights, reference evaluation."""

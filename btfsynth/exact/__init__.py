"""The smallest netlists: exact synthesis by SAT and the table of all functions of four inputs."""

"""Discovery: many trainings, the distinct circuits they lead to, and the front of the best."""

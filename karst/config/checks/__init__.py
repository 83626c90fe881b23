"""What the values of repos.yaml must mean together; one file per question."""

PREFIX = "lake_"

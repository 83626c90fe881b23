"""Says what the shop's products cost, over gRPC."""

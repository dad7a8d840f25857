"""What the shop's people do not run or write: the payment service, and the mesh in front of it."""
